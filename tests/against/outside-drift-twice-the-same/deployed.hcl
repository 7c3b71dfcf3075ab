job "shop" {
  group "shop" {
    shutdown_delay = "2s"
    task "shop" {
      driver         = "docker"
      kill_timeout   = "25s"
      shutdown_delay = "2s"
    }
  }
}
