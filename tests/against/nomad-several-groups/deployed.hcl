job "shop" {
  group "web" {
    shutdown_delay = "5s"
    network {
      port "http" { to = 3000 }
    }
    task "web" {
      driver       = "docker"
      kill_timeout = "20s"
    }
  }
  group "worker" {
    task "worker" { driver = "exec" }
  }
}
