job "shop" {
  group "shop" {
    task "shop" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"
    }
  }
}
