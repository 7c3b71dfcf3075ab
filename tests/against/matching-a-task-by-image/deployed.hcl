job "shop" {
  group "web" {
    shutdown_delay = "5s"
    task "cache" {
      driver = "docker"
      config {
        image = "redis:8"
      }
    }
    task "app" {
      driver       = "docker"
      kill_timeout = "25s"
      config {
        image = "registry.example.com/shop:1"
      }
    }
  }
}
