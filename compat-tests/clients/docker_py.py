"""docker-py driving the engine: each case is a test of its own in tests/compat/clients/docker_py.rs."""

import contextlib
import io
import os
import pathlib
import sys
import tarfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import docker
from cases import eventually, main, raises
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound
from docker.types import Ulimit
from docker.utils.socket import frames_iter, demux_adaptor

IMAGE = os.environ["IMAGE"]
NAME = os.environ["NAME"]
client = docker.from_env(timeout=120)
api = client.api
IDLE = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & echo ready; wait"]


@contextlib.contextmanager
def container(command=IDLE, image=IMAGE, **options):
    """A started container, removed at the end whatever happens."""
    made = client.containers.run(image, command, detach=True, **options)
    try:
        yield made
    finally:
        with contextlib.suppress(NotFound):
            made.remove(force=True)


def until_logged(made, text):
    eventually(f"{text!r} in the log", lambda: text.encode() in made.logs())


# The daemon


def case_ping_version_and_info():
    assert client.ping() is True
    version, info = client.version(), client.info()
    assert version["Os"] == "linux" and version["ApiVersion"]
    assert info["OSType"] == "linux" and info["ServerVersion"] == version["Version"]
    # Negotiated: docker-py speaks the older of its own version and the engine's.
    assert float(api._version) <= float(version["ApiVersion"]) or api._version.split(".")[0] == "1"


def case_df():
    usage = client.df()
    assert IMAGE in [tag for image in usage["Images"] for tag in image["RepoTags"] or []]
    assert usage["LayersSize"] > 0


def case_events():
    before = client.version()  # The engine answers before the clock is read.
    assert before
    seen, stream = [], client.events(decode=True, filters={"label": f"of={NAME}"})

    def watch():
        for event in stream:
            seen.append(event["Action"])
            if event["Action"] == "destroy":
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    # The subscription stands before its first byte does: made again until one is seen.
    def begun():
        with container(["true"], labels={"of": NAME}) as made:
            made.wait()
        return "destroy" in seen

    eventually("the events of a container", begun)
    watcher.join(60)
    stream.close()
    assert not watcher.is_alive()
    ours = seen[seen.index("create") :]
    assert ours[:4] == ["create", "start", "die", "destroy"], seen


# Images


def case_images_list_get_tag_and_remove():
    image = client.images.get(IMAGE)
    assert IMAGE in image.tags and image.attrs["Os"] == "linux"
    assert image.id in [other.id for other in client.images.list(filters={"reference": IMAGE})]
    assert image.history()
    repository = f"compat/{NAME}"
    assert image.tag(repository, "one") is True
    try:
        image.reload()
        assert f"{repository}:one" in image.tags
        assert client.images.list(name=repository)[0].id == image.id
    finally:
        client.images.remove(f"{repository}:one")
    raises(ImageNotFound, lambda: client.images.get(f"{repository}:one"), "No such image")
    raises(APIError, lambda: image.tag("Upper/Case"), "invalid reference format")


def case_images_pull():
    reference = os.environ["REFERENCE"]
    repository, tag = reference.rsplit(":", 1)
    image = client.images.pull(repository, tag=tag)
    try:
        assert reference in image.tags
        assert any(digest.startswith(f"{repository}@sha256:") for digest in image.attrs["RepoDigests"])
        lines = list(api.pull(repository, tag=tag, stream=True, decode=True))
        assert any("Image is up to date" in line.get("status", "") for line in lines), lines
    finally:
        client.images.remove(reference)
    raises(NotFound, lambda: client.images.pull(repository, tag="nope"), "manifest unknown")


def case_images_push():
    reference = os.environ["TARGET"]
    repository, tag = reference.rsplit(":", 1)
    assert client.images.get(IMAGE).tag(repository, tag)
    try:
        lines = list(client.images.push(repository, tag=tag, stream=True, decode=True))
        assert not any("error" in line for line in lines), lines
        assert any(line.get("aux", {}).get("Digest", "").startswith("sha256:") for line in lines), lines
    finally:
        client.images.remove(reference)
    assert reference in client.images.pull(repository, tag=tag).tags
    client.images.remove(reference)


def case_images_save_and_load():
    name = f"compat/{NAME}:saved"
    image = client.images.get(IMAGE)
    image.tag(name)
    try:
        saved = b"".join(client.images.get(name).save(named=name))
        names = tarfile.open(fileobj=io.BytesIO(saved)).getnames()
        assert "manifest.json" in names, names
    finally:
        client.images.remove(name)
    loaded = client.images.load(saved)
    try:
        assert [one.id for one in loaded] == [image.id] and name in loaded[0].tags
    finally:
        client.images.remove(name)


def case_images_import():
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"words"))
    name = f"compat/{NAME}"
    api.import_image_from_data(layer.getvalue(), repository=name, tag="imported")
    image = client.images.get(f"{name}:imported")
    try:
        assert len(image.attrs["RootFS"]["Layers"]) == 1
    finally:
        client.images.remove(image.id)


# Containers


def case_run_in_the_foreground():
    assert client.containers.run(IMAGE, ["echo", "hello"], remove=True) == b"hello\n"
    both = client.containers.run(IMAGE, ["sh", "-c", "echo err >&2"], remove=True, stdout=False, stderr=True)
    assert both == b"err\n"
    lines = client.containers.run(IMAGE, ["sh", "-c", "echo one; echo two"], remove=True, stream=True)
    assert b"".join(lines) == b"one\ntwo\n"
    script = ["sh", "-c", "echo broken >&2; exit 4"]
    error = raises(ContainerError, lambda: client.containers.run(IMAGE, script, remove=True), "exit status 4")
    assert error.stderr == b"broken\n"
    raises(ImageNotFound, lambda: client.api.create_container("compat/none", "true"), "No such image")
    try:
        missing = lambda: client.containers.run(IMAGE, ["nope"], name=NAME)
        raises(APIError, missing, "executable file not found")
    finally:
        client.containers.get(NAME).remove()


def case_run_with_options():
    options = {
        "environment": {"A": "b c"}, "working_dir": "/tmp", "user": "app", "hostname": "here", "entrypoint": ["sh", "-c"],
        "labels": {"of": NAME}, "tmpfs": {"/mnt": "size=1m"}, "mem_limit": "64m", "init": True, "read_only": True,
        "ulimits": [Ulimit(name="nofile", soft=64, hard=128)], "cap_drop": ["ALL"], "name": NAME, "shm_size": "1m",
        "restart_policy": {"Name": "on-failure", "MaximumRetryCount": 1}, "stop_signal": "SIGUSR1",
    }  # fmt: skip
    script = "echo $A; pwd; id -u; hostname; ulimit -n; touch /x 2>/dev/null || echo read-only; df -k /mnt | tail -1"
    with container([script], **options) as made:
        assert made.wait()["StatusCode"] == 0
        lines = made.logs().decode().splitlines()
        assert lines[:6] == ["b c", "/tmp", "1000", "here", "64", "read-only"], lines
        assert " 1024 " in lines[6], lines
        assert made.name == NAME and made.labels["of"] == NAME and made.status == "created"
        made.reload()
        assert made.status == "exited" and made.attrs["HostConfig"]["Memory"] == 64 << 20
        assert made.attrs["Config"]["StopSignal"] == "SIGUSR1"


def case_list_get_rename_and_prune():
    with container(labels={"of": NAME}, name=f"{NAME}-a") as made:
        assert [one.id for one in client.containers.list(filters={"label": f"of={NAME}"})] == [made.id]
        made.rename(f"{NAME}-b")
        assert client.containers.get(f"{NAME}-b").id == made.id
        raises(NotFound, lambda: client.containers.get(f"{NAME}-a"), "No such container")
        clash = lambda: client.containers.create(IMAGE, name=f"{NAME}-b")
        assert raises(APIError, clash, "is already in use by container").status_code == 409
        kept = client.containers.prune(filters={"label": f"of={NAME}"})
        assert not kept["ContainersDeleted"]
        made.stop(timeout=20)
        assert client.containers.list(filters={"label": f"of={NAME}"}) == []
        gone = client.containers.prune(filters={"label": f"of={NAME}"})
        assert gone["ContainersDeleted"] == [made.id]


def case_stop_kill_restart_and_pause():
    with container() as made:
        until_logged(made, "ready")
        made.pause()
        made.reload()
        assert made.status == "paused"
        made.unpause()
        first = made.attrs["State"]["StartedAt"]
        made.restart(timeout=20)
        made.reload()
        assert made.status == "running" and made.attrs["State"]["StartedAt"] != first
        raises(APIError, lambda: made.remove(), "stop the container before")
        made.kill()
        assert made.wait()["StatusCode"] == 137
        raises(APIError, lambda: made.kill(), "is not running")
        made.start()
        # A first process that has no handler yet ignores SIGTERM, so it may have to be killed.
        made.stop(timeout=1)
        assert made.wait(condition="not-running")["StatusCode"] in (0, 137, 143)


def case_wait_with_a_condition():
    made = client.containers.create(IMAGE, ["sh", "-c", "exit 7"])
    codes = []
    waiter = threading.Thread(target=lambda: codes.append(made.wait(condition="removed", timeout=100)))
    waiter.start()
    made.start()
    made.wait()
    made.remove()
    waiter.join(60)
    # The waiter may have come after the container was gone, and then hears of that.
    assert not codes or codes[0]["StatusCode"] == 7, codes


def case_logs():
    script = "for n in 1 2 3; do echo out $n; done; echo err >&2; sleep 0.2; echo last; exec sleep 100000"
    with container(["sh", "-c", script]) as made:
        got = b""
        for piece in made.logs(stream=True, follow=True):
            got += piece
            if b"last" in got:
                break
        until_logged(made, "last")
        assert made.logs(stdout=True, stderr=False) == b"out 1\nout 2\nout 3\nlast\n"
        assert made.logs(stdout=False, stderr=True) == b"err\n"
        assert made.logs(tail=1, stderr=False) == b"last\n"
        stamped = made.logs(timestamps=True, stderr=False).decode().splitlines()
        assert len(stamped) == 4 and all("T" in line.split(" ")[0] for line in stamped), stamped
        assert made.logs(since=2_000_000_000_0) == b""


def case_exec():
    with container(environment={"A": "container"}) as made:
        assert made.exec_run(["sh", "-c", "echo out; exit 3"]) == (3, b"out\n")
        streams = made.exec_run(["sh", "-c", "echo out; echo err >&2"], demux=True)
        assert streams == (0, (b"out\n", b"err\n")), streams
        piped = made.exec_run(["sh", "-c", "echo one; sleep 0.1; echo two"], stream=True)
        assert piped.exit_code is None and b"".join(piped.output) == b"one\ntwo\n"
        both = made.exec_run(["sh", "-c", "echo out; echo err >&2"], stream=True, demux=True).output
        parts = list(both)
        assert b"".join(out or b"" for out, _ in parts) == b"out\n"
        assert b"".join(err or b"" for _, err in parts) == b"err\n"
        env = made.exec_run(["sh", "-c", "echo $A $B; pwd; id -u"], environment={"B": "exec"}, workdir="/tmp", user="app")
        assert env.output == b"container exec\n/tmp\n1000\n", env
        assert made.exec_run(["sh", "-c", "test -t 0 && tty"], tty=True).output.startswith(b"/dev/pts/")
        made.exec_run(["touch", "/tmp/detached"], detach=True)
        eventually("a detached exec", lambda: made.exec_run(["test", "-e", "/tmp/detached"]).exit_code == 0)
        assert made.exec_run(["nope"]).exit_code in (126, 127)


def case_exec_over_a_socket():
    with container() as made:
        ident = api.exec_create(made.id, ["cat"], stdin=True)["Id"]
        socket = api.exec_start(ident, socket=True)
        raw = getattr(socket, "_sock", socket)
        raw.sendall(b"words\n")
        import socket as sockets

        raw.shutdown(sockets.SHUT_WR)
        frames = [demux_adaptor(*frame) for frame in frames_iter(socket, tty=False)]
        assert b"".join(out or b"" for out, _ in frames) == b"words\n", frames
        raw.close()
        assert api.exec_inspect(ident)["ExitCode"] == 0


def case_attach_over_a_socket():
    made = client.containers.create(IMAGE, ["sh", "-c", "read line; echo got $line; echo err >&2"], stdin_open=True)
    try:
        socket = made.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        raw = getattr(socket, "_sock", socket)
        made.start()
        raw.sendall(b"words\n")
        frames = [demux_adaptor(*frame) for frame in frames_iter(socket, tty=False)]
        raw.close()
        assert b"".join(out or b"" for out, _ in frames) == b"got words\n", frames
        assert b"".join(err or b"" for _, err in frames) == b"err\n", frames
    finally:
        made.remove(force=True)


def case_attach_to_a_terminal():
    made = client.containers.create(IMAGE, ["sh", "-c", "read line; echo got $line"], stdin_open=True, tty=True)
    try:
        socket = made.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
        raw = getattr(socket, "_sock", socket)
        made.start()
        made.resize(height=30, width=100)
        raw.sendall(b"words\n")
        got = b"".join(data for _, data in frames_iter(socket, tty=True))
        raw.close()
        assert got.replace(b"\r\n", b"\n").endswith(b"got words\n"), got
    finally:
        made.remove(force=True)


def case_attach_to_a_stream():
    script = "until test -e /tmp/go; do sleep 0.05; done; echo one; echo two >&2"
    with container(["sh", "-c", script]) as made:
        pieces = made.attach(stdout=True, stderr=True, stream=True, demux=True)
        made.exec_run(["touch", "/tmp/go"])
        pieces = list(pieces)
        assert b"".join(out or b"" for out, _ in pieces) == b"one\n", pieces
        assert b"".join(err or b"" for _, err in pieces) == b"two\n", pieces


def case_archives():
    def packed(name, content):
        into = io.BytesIO()
        with tarfile.open(fileobj=into, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid = len(content), 0o640, 1000
            archive.addfile(entry, io.BytesIO(content))
        return into.getvalue()

    with container() as made:
        content = bytes(range(256)) * 1000
        assert made.put_archive("/tmp", packed("file", content)) is True
        assert made.exec_run(["stat", "-c", "%a %u %s", "/tmp/file"]).output == b"640 1000 256000\n"
        stream, stat = made.get_archive("/tmp/file")
        assert stat["name"] == "file" and stat["size"] == len(content)
        archive = tarfile.open(fileobj=io.BytesIO(b"".join(stream)))
        assert archive.extractfile("file").read() == content
        folder = tarfile.open(fileobj=io.BytesIO(b"".join(made.get_archive("/etc")[0])))
        assert "etc/passwd" in folder.getnames()
        raises(NotFound, lambda: made.get_archive("/nope"), "Could not find the file /nope")
        raises(NotFound, lambda: made.put_archive("/nope", packed("x", b"")), "/nope")
        made.stop(timeout=20)
        assert made.put_archive("/tmp", packed("late", b"late")) is True
        late = tarfile.open(fileobj=io.BytesIO(b"".join(made.get_archive("/tmp/late")[0])))
        assert late.extractfile("late").read() == b"late"


def case_diff_and_export():
    with container(["sh", "-c", "echo words >/new; rm /etc/group"]) as made:
        made.wait()
        changes = {change["Path"]: change["Kind"] for change in made.diff()}
        assert changes.get("/new") == 1 and changes.get("/etc/group") == 2 and changes.get("/etc") == 0, changes
        exported = tarfile.open(fileobj=io.BytesIO(b"".join(made.export())))
        assert exported.extractfile("new").read() == b"words\n"


def case_commit():
    with container(["sh", "-c", "echo words >/new"]) as made:
        made.wait()
        image = made.commit(repository=f"compat/{NAME}", tag="kept", message="why", changes="ENV A=b")
        try:
            assert f"compat/{NAME}:kept" in image.tags and "A=b" in image.attrs["Config"]["Env"]
            assert client.containers.run(image.id, ["cat", "/new"], remove=True) == b"words\n"
        finally:
            client.images.remove(image.id, force=True)


def case_top():
    with container() as made:
        until_logged(made, "ready")
        top = made.top()
        assert "PID" in top["Titles"] and any("sleep 100000" in " ".join(line) for line in top["Processes"]), top
        picked = made.top(ps_args="-o pid,comm")
        assert len(picked["Titles"]) == 2, picked


def case_stats():
    with container() as made:
        once = made.stats(stream=False)
        assert once["cpu_stats"]["cpu_usage"]["total_usage"] > 0 and once["memory_stats"]["usage"] > 0
        assert once["precpu_stats"]["cpu_usage"]["total_usage"] <= once["cpu_stats"]["cpu_usage"]["total_usage"]
        stream = made.stats(stream=True, decode=True)
        first, second = next(stream), next(stream)
        assert first["id"] == made.id and second["read"] > first["read"]


def case_update():
    with container() as made:
        made.update(mem_limit="96m", memswap_limit="192m", restart_policy={"Name": "on-failure", "MaximumRetryCount": 2})
        made.reload()
        host = made.attrs["HostConfig"]
        assert host["Memory"] == 96 << 20 and host["RestartPolicy"]["MaximumRetryCount"] == 2, host


def case_health():
    check = {"test": ["CMD-SHELL", "test -e /tmp/well"], "interval": 200_000_000, "retries": 1, "timeout": 20_000_000_000}
    with container(healthcheck=check) as made:
        made.exec_run(["touch", "/tmp/well"])
        eventually("health", lambda: made.reload() or made.health == "healthy")
        assert made.attrs["State"]["Health"]["FailingStreak"] == 0


def case_refusals_have_docker_pys_types():
    assert raises(NotFound, lambda: api.inspect_container("nope"), "No such container: nope").status_code == 404
    conflict = raises(APIError, lambda: api.create_container(IMAGE, "true", name="a/b"), "Invalid container name")
    assert conflict.is_client_error() and conflict.status_code == 400
    bad = {"State": ["x"]}
    assert raises(APIError, lambda: api.containers(filters=bad), "invalid filter").status_code == 400


if __name__ == "__main__":
    main(globals())
