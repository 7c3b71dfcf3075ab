job "shop" {
  group "shop" {
    shutdown_delay = "3s"
    task "shop" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"
      shutdown_delay = "2s"
    }
  }
}
