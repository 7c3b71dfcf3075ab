# A worker without a container, and a leader beside it.
job "mailer" {
  group "mailer" {
    task "mailer" {
      driver = "raw_exec"
      leader = true
      config { command = "/usr/local/bin/mailer" }
      env = {
        QUEUE_URL = "amqp://rabbit:5672"
        "odd.name" = "x"
      }
      kill_timeout   = "1m30s"
      shutdown_delay = "500ms"
    }

    task "tail" {
      driver = "exec"
      config {
        command = "tail"
        args    = ["-F", "${NOMAD_ALLOC_DIR}/logs/mailer.stdout.0"]
      }
    }
  }

  group "cron" {
    task "cron" {
      driver = "exec"
      config { command = "/usr/sbin/cron" }
    }
  }
}
