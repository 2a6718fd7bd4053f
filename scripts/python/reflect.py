"""Ask a worker what it is as any gRPC client could, with nothing of the protocol but what the worker tells of itself.

usage: reflect.py ADDRESS [SERVICE]     (token, if one is needed: FACESETS_TOKEN; for TLS, the worker's certificate in
                                         PEM: FACESETS_CERTIFICATE=FILE)

Lists the services by reflection, takes their descriptors from the worker, calls `Describe` of the worker's service and
`Check` of grpc.health.v1.Health (of SERVICE, or of the whole server), and prints one JSON object:
{services: [names], describe: DescribeResponse, health: word}.

Needs grpcio, grpcio-reflection and protobuf (.setup/grpc-venv).
"""

import json
import os
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

WORKER = "facesets.worker.v1.Worker"
HEALTH = "grpc.health.v1.Health"
#: Longest wait for one answer, in seconds.
PATIENCE = 30


class Authorized(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Adds the token to every call."""

    def __init__(self, token):
        self.header = ("authorization", f"Bearer {token}")

    def _with_header(self, details):
        metadata = [*(details.metadata or []), self.header]
        return details._replace(metadata=metadata)

    def intercept_unary_unary(self, continuation, client_call_details, request):
        """One request, one answer."""
        return continuation(self._with_header(client_call_details), request)

    def intercept_stream_stream(self, continuation, client_call_details, request_iterator):
        """Reflection."""
        return continuation(self._with_header(client_call_details), request_iterator)


def connect(address):
    """A channel that names the token, if there is one."""
    certificate = os.environ.get("FACESETS_CERTIFICATE")
    if certificate:
        with open(certificate, "rb") as file:
            credentials = grpc.ssl_channel_credentials(root_certificates=file.read())
        options = [("grpc.ssl_target_name_override", "facesets-worker")]
        channel = grpc.secure_channel(address, credentials, options)
    else:
        channel = grpc.insecure_channel(address)
    token = os.environ.get("FACESETS_TOKEN")
    return grpc.intercept_channel(channel, Authorized(token)) if token else channel


def call(channel, pool, service_name, method_name, **fields):
    """Call a method with one request and one answer, known from the worker's descriptors alone."""
    method = pool.FindServiceByName(service_name).FindMethodByName(method_name)
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    stub = channel.unary_unary(
        f"/{service_name}/{method_name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    return stub(request(**fields), timeout=PATIENCE)


def main(address, service=""):
    """Ask and print."""
    channel = connect(address)
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    described = call(channel, pool, WORKER, "Describe")
    health = call(channel, pool, HEALTH, "Check", service=service)
    result = {
        "services": sorted(database.get_services()),
        "describe": json_format.MessageToDict(described, preserving_proto_field_name=True),
        "health": json_format.MessageToDict(health).get("status", "UNKNOWN"),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except grpc.RpcError as error:
        sys.exit(f"reflect: {error.code().name}: {error.details()}")
