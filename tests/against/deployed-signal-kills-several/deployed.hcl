job "shop" {
  group "shop" {
    shutdown_delay = "5s"
    task "shop" {
      driver       = "docker"
      kill_signal  = "SIGKILL"
      kill_timeout = "25s"
    }
  }
}
