job "shop" {
  group "shop" {
    shutdown_delay = "5s"
    task "shop" {
      driver       = "docker"
      kill_timeout = "25s900ms"
    }
  }
}
