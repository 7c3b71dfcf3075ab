variable "image_tag" {
  type    = string
  default = "1.4.2"
}

locals {
  domain = "example.com"
}

job "checkout" {
  datacenters = ["dc1", "dc2"]
  type        = "service"

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  update {
    max_parallel      = 1
    min_healthy_time  = "10s"
    healthy_deadline  = "3m"
    progress_deadline = "10m"
    auto_revert       = true
    canary            = 0
  }

  group "web" {
    count          = 3
    shutdown_delay = "8s"

    network {
      mode = "bridge"

      port "http" {
        to = 8080
      }

      port "metrics" {
        static = 9100
      }
    }

    service {
      name = "checkout"
      port = "http"
      tags = ["urlprefix-checkout.${local.domain}/", "v${var.image_tag}"]

      check {
        type     = "http"
        path     = "/health/ready"
        interval = "5s"
        timeout  = "2s"

        check_restart {
          limit = 3
          grace = "90s"
        }
      }
    }

    restart {
      attempts = 2
      interval = "30m"
      delay    = "15s"
      mode     = "fail"
    }

    task "server" {
      driver       = "docker"
      kill_timeout = "25s"
      kill_signal  = "SIGTERM"

      config {
        image = "registry.example.com/checkout:${var.image_tag}"
        ports = ["http", "metrics"]
        args  = ["--listen", ":${NOMAD_PORT_http}"]

        logging {
          type = "json-file"
          config {
            max-size = "10m"
          }
        }
      }

      env {
        DATABASE_URL = "postgres://db.service.consul/orders"
        LOG_LEVEL    = "info"
      }

      template {
        destination = "secrets/app.env"
        env         = true
        change_mode = "restart"
        data        = <<-EOT
          {{ with secret "kv/checkout" }}
          API_KEY="{{ .Data.data.key }}"
          {{ end }}
        EOT
      }

      resources {
        cpu    = 500
        memory = 256
      }
    }

    task "log-shipper" {
      driver = "docker"

      lifecycle {
        hook    = "prestart"
        sidecar = true
      }

      config {
        image = "grafana/promtail:3.1.0"
      }
    }
  }
}
