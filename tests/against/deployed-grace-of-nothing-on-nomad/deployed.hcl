job "shop" {
  group "shop" {
    # Docker is told of no seconds.
    task "half" {
      driver       = "docker"
      kill_timeout = "500ms"
    }
    task "none" {
      driver       = "exec"
      kill_timeout = "0s"
    }
    # Held as it is written: by the signal, and by the driver.
    task "signalled" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "500ms"
    }
    task "exact" {
      driver       = "exec"
      kill_timeout = "500ms"
    }
    task "second" {
      driver       = "docker"
      kill_timeout = "1s"
    }
  }
}
