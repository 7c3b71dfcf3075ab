job "shop" {
  group "shop" {
    shutdown_delay = "5s"
    network {
      port "http" { to = 8080 }
      port "admin" { to = 9090 }
    }
    task "shop" {
      driver       = "docker"
      kill_timeout = "25s"
      config {
        ports = ["admin"]
      }
    }
  }
}
