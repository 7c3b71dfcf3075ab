job "shop" {
  meta = {
    "lifecycle/plan-digest" = "0123456789abcdef"
  }
  group "shop" {
    shutdown_delay = "5s"
    task "shop" {
      driver       = "docker"
      kill_timeout = "25s"
      env {
        LIFECYCLE_PLATFORM = "${meta.platform}"
        LIFECYCLE_DIGEST   = "0123456789abcdef"
        LIFECYCLE_GRACE_MS = "20000"
      }
    }
  }
}
