"""testcontainers with a real service: a case of tests/compat/clients/testcontainers.rs."""

import os
import pathlib
import sys

# It would have the engine's socket bound into a container of its own.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from cases import eventually, main
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

REDIS = os.environ["REDIS"]
NAME = os.environ["NAME"]


def case_a_redis_serves():
    container = (
        DockerContainer(REDIS)
        .with_command("redis-server --save '' --appendonly no")
        .with_env("MARK", "seen")
        .with_name(NAME)
        .waiting_for(LogMessageWaitStrategy("Ready to accept connections").with_startup_timeout(120))
    )
    with container as redis:

        def cli(*arguments):
            code, output = redis.exec(["redis-cli", *arguments])
            assert code == 0, output
            return output.decode().strip()

        assert cli("ping") == "PONG"
        assert cli("set", "key", "a value") == "OK"
        assert cli("get", "key") == "a value"
        assert [cli("incr", "n") for _ in range(5)] == ["1", "2", "3", "4", "5"]
        assert "redis_version:" in cli("info", "server")
        assert redis.exec("printenv MARK").output == b"seen\n"
        out, err = redis.get_logs()
        assert b"Ready to accept connections" in out, (out, err)
        wrapped = redis.get_wrapped_container()
        wrapped.reload()
        assert wrapped.status == "running" and wrapped.name == NAME
        # A client that is asked to stop it: Redis ends by itself on SIGTERM.
        wrapped.stop(timeout=30)
        assert wrapped.wait()["StatusCode"] == 0
    client = container.get_docker_client().client
    eventually("the container is removed", lambda: not client.containers.list(all=True, filters={"name": f"^/?{NAME}$"}))
    client.images.remove(REDIS)


if __name__ == "__main__":
    main(globals())
