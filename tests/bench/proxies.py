"""How each proxy of the benchmark is started: a function that writes its configuration into `work` and gives its
command line, which stays in the foreground. Equal terms: one worker, no access log but where the name says so,
connections to the service are kept, times without traffic are many minutes. A new proxy is a row of ALL."""
import os

BIN = os.path.abspath(os.environ.get("BIN", os.path.join(os.path.dirname(__file__), "../../build/bin")))
MINUTES = 15


def write(work, name, text):
    path = os.path.join(work, name)
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    return path


def nginx_command(path):
    return ["nginx", "-p", os.path.dirname(path), "-c", path, "-e", os.path.join(os.path.dirname(path), "error")]


def origin(work, port):
    """The service behind all proxies: 1 KiB, and 10 MiB from a file."""
    with open(f"{work}/10m", "wb") as f:
        f.write(b"b" * (10 << 20))
    return nginx_command(write(work, "origin.conf", f"""
daemon off; worker_processes 1; pid {work}/origin.pid; error_log stderr error;
events {{ worker_connections 16000; }}
http {{ access_log off; keepalive_timeout {MINUTES}m; keepalive_requests 1000000000; sendfile on;
client_body_temp_path {work}/o1; proxy_temp_path {work}/o2; fastcgi_temp_path {work}/o3; uwsgi_temp_path {work}/o4; scgi_temp_path {work}/o5;
server {{ listen 127.0.0.1:{port} backlog=4096; root {work}; location = /1k {{ default_type text/plain; return 200 "{'a' * 1024}"; }} }} }}
"""))


def nginx(work, port, service):
    return nginx_command(write(work, "nginx.conf", f"""
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {work}/nginx.pid; error_log stderr error;
events {{ worker_connections 19000; multi_accept on; }}
http {{ access_log off; keepalive_timeout {MINUTES}m; keepalive_requests 1000000000; proxy_read_timeout {MINUTES}m;
client_body_temp_path {work}/n1; proxy_temp_path {work}/n2; fastcgi_temp_path {work}/n3; uwsgi_temp_path {work}/n4; scgi_temp_path {work}/n5;
proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
upstream s {{ server 127.0.0.1:{service}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout {MINUTES}m; }}
server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://s; }} }} }}
"""))


def haproxy_with(work, port, service, mode, options=""):
    return ["haproxy", "-f", write(work, "haproxy.cfg", f"""
global
  nbthread 1
  maxconn 6000
defaults
  mode {mode}
  timeout client {MINUTES}m
  timeout server {MINUTES}m
  timeout connect 5s
{options}
frontend f
  bind 127.0.0.1:{port} backlog 4096
  default_backend b
backend b
  server s 127.0.0.1:{service}
""")]


def haproxy(work, port, service):
    return haproxy_with(work, port, service, "http", "  http-reuse always\n  option splice-response")


def haproxy_tcp(work, port, service):
    """A relay that parses nothing: what the kernel's work alone costs, nearly."""
    return haproxy_with(work, port, service, "tcp")


def route(host):
    return '{"set":{"kind":"route","name":"r-%s","value":{"hosts":["%s"],"path":"/","forward":[{"pool":"p","weight":1}]}}}\n' % (host, host)


def signalbox_with(work, port, service, log="false", info="false", routes=0):
    table = write(work, "table", (
        '{"set":{"kind":"settings","name":"settings","value":{"access_log":%s,"info_headers":%s,"idle_timeout_s":%d}}}\n'
        '{"set":{"kind":"pool","name":"p","value":{"protocol":"http1"}}}\n'
        '{"set":{"kind":"endpoints","name":"p","value":{"endpoints":[{"address":"127.0.0.1","port":%d,"weight":1}]}}}\n'
        '{"set":{"kind":"route","name":"default","value":{"hosts":["*"],"path":"/","forward":[{"pool":"p","weight":1}]}}}\n'
        % (log, info, MINUTES * 60, service)) + "".join(route(f"h{i}.bench.test") for i in range(routes)) + '{"commit":{"revision":1}}\n')
    return [f"{BIN}/signalbox-gateway", "--table", table, "--listen-http", f"127.0.0.1:{port}", "--workers", "1", "--state", f"{work}/state"]


def signalbox(work, port, service):
    """Says nothing of itself on responses, as the others do."""
    return signalbox_with(work, port, service)


def signalbox_info(work, port, service):
    """As it is by default: x-request-id and its like on every response."""
    return signalbox_with(work, port, service, info="true")


def signalbox_log(work, port, service):
    """Its access log goes to a file."""
    return signalbox_with(work, port, service, log="true")


def signalbox_100k(work, port, service):
    return signalbox_with(work, port, service, routes=100000)


ALL = {"signalbox": signalbox, "signalbox-log": signalbox_log, "signalbox-info": signalbox_info, "signalbox-100k": signalbox_100k, "nginx": nginx, "haproxy": haproxy,
       "haproxy-tcp": haproxy_tcp}
