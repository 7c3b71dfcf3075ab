variable "delay" { default = "1s" }
job "shop" {
  group "shop" {
    shutdown_delay = var.delay
    task "shop" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"
    }
  }
}
