job "shop" {
  group "shop" {
    count = 
  }
}
