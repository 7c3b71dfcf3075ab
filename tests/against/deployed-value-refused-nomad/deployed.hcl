job "shop" {
  group "shop" {
    shutdown_delay = -var.delay
    task "shop" {
      driver       = "exec"
      kill_timeout = -5
    }
  }
}
