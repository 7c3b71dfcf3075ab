job "shop" {
  group "shop" {
    shutdown_delay = "5s"
    task "shop" {
      driver       = "exec"
      kill_timeout = "25s"
      config {
        command = "/bin/sh"
        args    = ["-c", "./migrate && ./shop"]
      }
    }
    # It runs beside the program, to its end.
    task "log" {
      driver = "exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "./wait; ./ship-logs"]
      }
      lifecycle {
        hook    = "prestart"
        sidecar = true
      }
    }
    # It is over before the program starts.
    task "fetch" {
      driver = "exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "./wait; ./fetch"]
      }
      lifecycle {
        hook    = "prestart"
        sidecar = false
      }
    }
  }
}
