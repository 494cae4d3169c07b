"""A Docker API with very many services, held in memory: objects as a real engine gives them (those recorded for the
decoder's tests), with other names. A label of one service can be changed; then an event is sent. Everything else, config
objects too, is as in fake_docker."""
import json
import queue
import sys
from pathlib import Path

import fake_docker

RECORDED = Path(__file__).resolve().parents[2] / "tests/unit/clusters/swarm/recorded"


def recorded(kind):
    return json.loads((RECORDED / f"{kind}.json").read_text())[0]


def as_docker_writes(thing):
    return json.dumps(thing, separators=(",", ":")).encode()


class Handler(fake_docker.Handler):
    def list(self, name, filters):
        if name not in ("services", "tasks"):
            super().list(name, filters)
            self.server.reading = self.server.reading and name != "networks"
            return
        self.server.reading = self.server.reading or not filters
        wanted = filters.get("id" if name == "services" else "service")
        held = getattr(self.server, name)
        self.server.asked[name, bool(wanted)] += 1
        found = held.values() if not wanted else [held[i] for i in wanted if i in held]
        self.send_body(b"[" + b",".join(found) + b"]")

    def send_body(self, data):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class BigDocker(fake_docker.FakeDocker):
    """Tasks are kept by their service: that is what a filter names."""

    def __init__(self, socket_path, state_path, services=10000, tasks_each=5):
        super().__init__(socket_path, state_path)
        self.RequestHandlerClass = Handler
        self.asked = {(name, few): 0 for name in ("services", "tasks") for few in (False, True)}
        self.reading = False  # everything, from its services to its networks, which come last
        self.listeners, self.services, self.tasks, self.version = [], {}, {}, 1000
        service, task = recorded("services"), recorded("tasks")
        for n in range(services):
            self.set_service(service, n, f"host{n}.example")
            self.tasks[self.ident(n)] = b",".join(self.task(task, n, i) for i in range(tasks_each))

    @staticmethod
    def ident(n):
        return fake_docker.ident(f"big{n}")

    def set_service(self, template, n, host):
        self.version += 1
        template.update(ID=self.ident(n), Version={"Index": self.version})
        template["Spec"].update(Name=f"big{n}", Labels={
            "com.docker.lb.hosts": host, "com.docker.lb.port": "8080", "com.docker.lb.service_cluster": "east"})
        template["Spec"]["TaskTemplate"]["Networks"] = [{"Target": fake_docker.ident("app")}]
        self.services[self.ident(n)] = as_docker_writes(template)

    def task(self, template, n, i):
        template.update(ID=fake_docker.ident(f"big{n}.{i}"), ServiceID=self.ident(n), NodeID=fake_docker.ident("node1"))
        attached = template["NetworksAttachments"][0]
        attached["Network"]["ID"] = fake_docker.ident("app")
        attached["Addresses"] = [f"10.{n >> 8}.{n & 255}.{i + 2}/24"]
        return as_docker_writes(template)

    def change(self, n, host):
        self.set_service(recorded("services"), n, host)
        line = fake_docker.event_line("services", "update", self.ident(n), {"name": f"big{n}"})
        for mine in self.listeners:
            mine.put(line)

    def event_lines(self):
        mine = queue.SimpleQueue()
        self.listeners.append(mine)
        try:
            while (line := mine.get()) is not None:
                yield line
        finally:
            self.listeners.remove(mine)

    def stop(self):
        for mine in self.listeners:
            mine.put(None)
        super().stop()


if __name__ == "__main__":
    BigDocker(sys.argv[1], sys.argv[2]).serve_forever()
