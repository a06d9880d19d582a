"""AWS on this computer: ministack as a process, and moto with the types of resources that its CloudFormation leaves out

ministack makes what stands in a template, or refuses all of it. moto passes over types that it does not know, so three are added here: they
hand what the template says to moto's own services, through boto3, which checks names and types of the parameters.
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

from moto.core.common_models import CloudFormationModel
from moto.server import ThreadedMotoServer

from skinlesion.store.aws import Connection

KEYS = dict(AWS_ACCESS_KEY_ID='test', AWS_SECRET_ACCESS_KEY='test', AWS_EC2_METADATA_DISABLED='true',
            AWS_CONFIG_FILE='none', AWS_SHARED_CREDENTIALS_FILE='none')


def has_ministack():
    "Whether ministack is installed"
    return find_spec('ministack') is not None

def free_port():
    "A port that nobody uses now"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

def end_with_parent():
    "Let the process that is being started end with the one that starts it, as where a test fails"
    if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, signal.SIGTERM) # PR_SET_PDEATHSIG

class Ministack:
    "ministack on the loopback address alone; `functions` is the address that answers the events of a function, by its name"
    def __init__(self, folder, functions=None, region='us-east-1'):
        port = free_port()
        env = os.environ | KEYS | dict(BIND_HOST='127.0.0.1', GATEWAY_PORT=str(port), LOG_LEVEL='WARNING', TMPDIR=str(folder))
        for name,url in (functions or {}).items(): env[f'MINISTACK_LAMBDA_PROXY_{name}'] = url
        self.log = open(f'{folder}/ministack.log', 'w')
        self.process = subprocess.Popen([sys.executable, '-m', 'ministack'], env=env, cwd=folder, stdout=self.log, stderr=self.log,
                                        preexec_fn=end_with_parent)
        self.endpoint = f'http://127.0.0.1:{port}'
        self.connection = Connection(endpoint=self.endpoint, region=region)
        for _ in range(600):
            try: urllib.request.urlopen(f'{self.endpoint}/_localstack/health', timeout=5).close()
            except OSError: time.sleep(0.1)
            else: return
            if self.process.poll() is not None: break
        self.stop()
        raise RuntimeError('ministack does not start')

    def stop(self):
        "End the process"
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

class FunctionProxy:
    "Gives the events that ministack sends to `url` to `answer`, a function of an event"
    def __init__(self, answer):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args): pass

            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                try: status,body = 200,answer(event)
                except Exception as e: status,body = 500,dict(errorMessage=str(e), errorType=type(e).__name__)
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = 'http://{}:{}'.format(*self.server.server_address)

    def stop(self):
        "Answer no more"
        self.server.shutdown()
        self.server.server_close()

class Moto:
    "moto's server on the loopback address, with the added types"
    def __init__(self, region='us-east-1'):
        self.server = ThreadedMotoServer('127.0.0.1', port=0, verbose=False)
        self.server.start()
        self.endpoint = 'http://{}:{}'.format(*self.server.get_host_and_port())
        self.connection = Connection(endpoint=self.endpoint, region=region)
        for added in (Alarm, ScalableTarget, ScalingPolicy): added.connection = self.connection

    def stop(self):
        "Answer no more"
        self.server.stop()


def lower(value):
    "What a template says, in the types that boto3 takes: numbers of text become numbers"
    if isinstance(value, dict): return {key: lower(v) for key,v in value.items()}
    if isinstance(value, list): return [lower(v) for v in value]
    if isinstance(value, str) and value.replace('.', '', 1).isdigit(): return float(value) if '.' in value else int(value)
    return value

class Added:
    "A type of resource that moto's CloudFormation leaves out"
    kind = service = put = remove = None # type in the template, service and its two methods

    def __init__(self, given, names):
        self.given = given # of the method that makes it
        self.names = names # of the method that removes it
        self.physical_resource_id = names['AlarmNames'][0] if 'AlarmNames' in names else '|'.join(names.values())

    @staticmethod
    def cloudformation_name_type(): return ''

    @classmethod
    def cloudformation_type(cls): return cls.kind

    @staticmethod
    def has_cfn_attr(attr): return False

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        given,names = cls.request(resource_name, lower(cloudformation_json['Properties']))
        getattr(cls.connection.client(cls.service), cls.put)(**given)
        return cls(given, names)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        return cls.create_from_cloudformation_json(original_resource.physical_resource_id, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        _,names = cls.request(resource_name, lower(cloudformation_json['Properties']))
        getattr(cls.connection.client(cls.service), cls.remove)(**names)

    def delete(self, account_id, region_name):
        getattr(self.connection.client(self.service), self.remove)(**self.names)

class Alarm(Added, CloudFormationModel):
    "An alarm"
    __module__ = 'moto.added' # whose second part moto takes for the name of a service
    kind,service,put,remove = 'AWS::CloudWatch::Alarm', 'cloudwatch', 'put_metric_alarm', 'delete_alarms'

    @classmethod
    def request(cls, name, properties):
        name = properties.get('AlarmName', name)
        return properties | dict(AlarmName=name), dict(AlarmNames=[name])

class ScalableTarget(Added, CloudFormationModel):
    "What is scaled, between two numbers"
    __module__ = 'moto.added' # whose second part moto takes for the name of a service
    kind,service = 'AWS::ApplicationAutoScaling::ScalableTarget', 'application-autoscaling'
    put,remove = 'register_scalable_target', 'deregister_scalable_target'

    @classmethod
    def request(cls, name, properties):
        names = {key: properties[key] for key in ('ServiceNamespace', 'ResourceId', 'ScalableDimension')}
        return properties, names

class ScalingPolicy(Added, CloudFormationModel):
    "When it is scaled"
    __module__ = 'moto.added' # whose second part moto takes for the name of a service
    kind,service = 'AWS::ApplicationAutoScaling::ScalingPolicy', 'application-autoscaling'
    put,remove = 'put_scaling_policy', 'delete_scaling_policy'

    @classmethod
    def request(cls, name, properties):
        properties = dict(properties)
        keys = ('ServiceNamespace', 'ResourceId', 'ScalableDimension')
        target = properties.pop('ScalingTargetId').split('|') # the ID of a ScalableTarget
        names = dict(zip(keys, target)) | dict(PolicyName=properties['PolicyName'])
        return properties | names, names
