// Which paths of the management API name no tenant. A file of its own, so that a test can hold it against the server's table.

/** About whoever asks, or about all tenants: `?tenant=` is not among what they take. */
export const WITHOUT_TENANT =
  /^\/admin\/(?:me(?:\/|$)|usage\/self$|audit\/verify$|settings(?:\/|$)|about$|secrets(?:\/|$)|tenants(?:\/|$)|telemetry$|content(?:\/|$)|flags\/)/
