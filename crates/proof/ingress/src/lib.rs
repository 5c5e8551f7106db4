//! An ingress data plane for the demo: Ingresses with NGINX canary annotations, forwarding real requests.
