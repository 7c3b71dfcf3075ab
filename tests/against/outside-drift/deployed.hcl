job "shop" {
  group "shop" {
    shutdown_delay = "4s999ms"
    task "shop" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"
    }
  }
}
