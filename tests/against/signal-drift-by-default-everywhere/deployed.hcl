job "shop" {
  group "shop" {
    task "shop" {
      driver = "docker"
    }
  }
}
