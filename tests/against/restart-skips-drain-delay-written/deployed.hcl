job "shop" {
  group "shop" {
    shutdown_delay = "5s"
    task "shop" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"
      template {
        destination = "local/limits.yaml"
        data        = "..."
        change_mode = "restart"
      }
    }
  }
}
