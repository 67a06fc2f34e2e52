"""The network that an enterprise has: a proxy, and a certificate authority of its own.

The name of the endpoint exists nowhere. Only the proxy knows the way to it, so an answer proves that the proxy was used.
"""

import base64
import contextlib
import datetime
import json
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAME = "aws.test"
ROWS = [{"id": "audit", "permissionSet": "ReadOnlyAccess", "group": "auditors"}]


def certificate(subject, key, issuer, signed_with, *extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(signed_with, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The bundle with the authority, and a TLS context of a server that it vouches for."""
    directory = tmp_path_factory.mktemp("authority")
    root, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    bundle = directory / "bundle.pem"
    bundle.write_bytes(
        certificate("Test root", root, "Test root", root, x509.BasicConstraints(ca=True, path_length=None))
    )
    own = directory / "server.pem"
    own.write_bytes(
        certificate(NAME, key, "Test root", root, x509.SubjectAlternativeName([x509.DNSName(NAME)]))
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    return bundle, context


class Server:
    """Accepts connections on a free port, and handles each in a thread."""

    def __init__(self, handle):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port, self.handle = self.listening.getsockname()[1], handle
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with contextlib.suppress(OSError), connection:
            self.handle(connection)


def join(one, other):
    """Copies both ways until either side closes."""

    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=copy, args=(other, one), daemon=True)
    back.start()
    copy(one, other)
    back.join()


class Proxy:
    """Takes CONNECT, and leads every name to one port."""

    def __init__(self, port):
        self.port, self.targets, self.authorizations = port, [], []
        self.server = Server(self.handle)
        self.address = f"127.0.0.1:{self.server.port}"

    def handle(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := connection.recv(4096)):
                return
            head += more
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        self.targets.append(f"{method} {target}")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        self.authorizations += [headers["proxy-authorization"]] if "proxy-authorization" in headers else []
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.port)) as server:
            join(connection, server)


@pytest.fixture
def proxy(aws, authority):
    _, context = authority
    moto = int(aws.url.rsplit(":", 1)[1])

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            with socket.create_connection(("127.0.0.1", moto)) as server:
                join(secure, server)

    server = Server(serve)
    proxy = Proxy(server.port)
    yield proxy
    server.listening.close()
    proxy.server.listening.close()


def test_the_function_goes_through_the_proxy_and_trusts_the_bundle(aws, deploy, proxy, authority):
    bundle, _ = authority
    function = deploy(
        ROWS,
        AWS_ENDPOINT_URL=f"https://{NAME}",
        HTTPS_PROXY=f"http://somebody:s%40cret@{proxy.address}",
        AWS_CA_BUNDLE=str(bundle),
    )
    answer = function.invoke({"accountId": aws.accounts["class-7"]})
    assert (answer["outcome"], answer["counts"]["created"]) == ("ready", 1), answer
    assert set(proxy.targets) == {f"CONNECT {NAME}:443"}
    expected = "basic " + base64.b64encode(b"somebody:s@cret").decode().lower()
    assert set(proxy.authorizations) == {expected}


def test_the_command_goes_through_the_proxy_and_trusts_the_bundle(aws, assignctl, proxy, authority):
    bundle, _ = authority
    environment = {"AWS_ENDPOINT_URL": f"https://{NAME}", "https_proxy": proxy.address}
    status = lambda document, check: {one["id"]: one["status"] for one in document["checks"]}[check]
    _, trusted = assignctl.document("doctor", **environment, AWS_CA_BUNDLE=str(bundle))
    assert status(trusted, "credentials") == "ok", trusted
    assert proxy.targets
    _, untrusted = assignctl.document("doctor", **environment)
    assert status(untrusted, "credentials") != "ok", "the authority is not one of the system's"


def test_what_no_proxy_names_is_reached_without_it(assignctl, proxy, authority):
    bundle, _ = authority
    assignctl.document(
        "doctor",
        AWS_ENDPOINT_URL=f"https://{NAME}",
        HTTPS_PROXY=proxy.address,
        NO_PROXY=NAME,
        AWS_CA_BUNDLE=str(bundle),
    )
    assert proxy.targets == []


def test_this_machine_is_never_reached_through_a_proxy(aws, deploy, proxy):
    function = deploy(ROWS, HTTP_PROXY=f"http://{proxy.address}", ALL_PROXY=f"http://{proxy.address}")
    answer = function.invoke({"accountId": aws.accounts["class-7"]})
    assert answer["outcome"] == "ready", answer
    assert proxy.targets == []


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_bundle_that_cannot_be_used_is_named_and_nothing_is_sent(aws, deploy, assignctl, tmp_path, content):
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    aws.calls.clear()
    answer = deploy(ROWS, AWS_CA_BUNDLE=str(bundle)).invoke({"accountId": aws.accounts["class-7"]})
    assert (answer["errorType"], str(bundle) in answer["errorMessage"]) == ("InvalidConfig", True), answer
    exit_status, document = assignctl.document("plan", "--table", "none.json", AWS_CA_BUNDLE=str(bundle))
    assert exit_status != 0
    doctor = assignctl("doctor", AWS_CA_BUNDLE=str(bundle))
    assert str(bundle) in doctor.stdout + doctor.stderr
    assert aws.calls == []


def test_a_proxy_that_cannot_be_used_is_named_and_its_password_is_not(aws, deploy):
    function = deploy(ROWS, HTTPS_PROXY="socks5://somebody:s3cret@127.0.0.1:1080")
    answer = function.invoke({"accountId": aws.accounts["class-7"]})
    assert answer["errorType"] == "InvalidConfig" and "HTTPS_PROXY" in answer["errorMessage"], answer
    assert "s3cret" not in json.dumps(answer)
