/*
 * Starts the parts that the demo and t/e2e put together: the authorisation
 * server, the FHIR server, and nginx with the module between the FHIR server
 * and the world. All on free loopback ports.
 *
 *   const parts = await startParts({ runtime, location });
 *   parts.base      the FHIR base as the world sees it, e.g. http://127.0.0.1:40125/fhir
 *   parts.issuer    see issuer.mjs
 *   parts.server    see fhir-server.mjs
 *   parts.stop()    ends nginx (by its pid) and closes the rest
 *
 * runtime   a directory of its own for nginx.conf, logs and temporary files
 * location  more lines for the location that is protected
 * resources what the FHIR server holds (data.mjs), startServer which one it is (fhir-server.mjs)
 *
 * SMART_BUILD says where the module was built (build), NGINX_BINARY which nginx to run.
 */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate, people } from './data.mjs';
import { startFhirServer } from './fhir-server.mjs';
import { startIssuer } from './issuer.mjs';

const TOP = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const START_LIMIT = 10000;
const STOP_LIMIT = 5000;
const TRIES = 3;

export const buildDirectory = path.resolve(TOP, process.env.SMART_BUILD || 'build');
const modulePath = path.join(buildDirectory, 'module', 'ngx_http_smart_module.so');
const nginxPath = process.env.NGINX_BINARY || '/usr/sbin/nginx';

const USERS = Object.fromEntries([
  ...people.patients.map((id) => [id, { fhirUser: `Patient/${id}` }]),
  ...people.practitioners.map((id) => [id, { fhirUser: `Practitioner/${id}` }]),
]);


const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}

function nginxConfiguration({ port, issuerUri, audience, upstream, location }) {
  return `${process.getuid() === 0 ? 'user root;\n' : ''}load_module ${modulePath};

worker_processes  2;
pid               nginx.pid;
error_log         error.log info;

events {
    worker_connections  256;
}

http {
    log_format  smart  '$status $smart_status $smart_reason $smart_rule $smart_client_id "$request"';
    access_log  access.log  smart;

    client_body_temp_path  tmp/body;
    proxy_temp_path        tmp/proxy;
    fastcgi_temp_path      tmp/fastcgi;
    uwsgi_temp_path        tmp/uwsgi;
    scgi_temp_path         tmp/scgi;

    # a token with many scopes is long
    large_client_header_buffers  4 32k;

    smart_issuer hospital {
        uri       ${issuerUri};
        audience  ${audience};
    }

    server {
        listen  127.0.0.1:${port};

        location /fhir {
            smart       hospital;
            proxy_pass  ${upstream};
${location.map((line) => `            ${line}\n`).join('')}        }
    }
}
`;
}


/* Two in one directory would take each other's configuration away. */
function refuseIfInUse(runtime) {
  const pidFile = path.join(runtime, 'nginx.pid');
  const pid = fs.existsSync(pidFile) ? Number(fs.readFileSync(pidFile, 'utf8')) : 0;
  const commandLine = `/proc/${pid}/cmdline`;
  if (pid && fs.existsSync(commandLine) && fs.readFileSync(commandLine, 'utf8').includes('nginx')) {
    throw new Error(`an nginx of an earlier run is still there (process ${pid}, in ${path.relative(process.cwd(), runtime)})`);
  }
}


class Nginx {
  constructor(runtime, port) {
    this.runtime = runtime;
    this.port = port;
  }

  write(settings) {
    fs.rmSync(path.join(this.runtime, 'tmp'), { recursive: true, force: true });
    fs.mkdirSync(path.join(this.runtime, 'tmp'), { recursive: true });
    for (const log of ['error.log', 'access.log']) {
      fs.rmSync(path.join(this.runtime, log), { force: true });
    }
    fs.writeFileSync(path.join(this.runtime, 'nginx.conf'), nginxConfiguration({ ...settings, port: this.port }));
  }

  /* True when it listens; false when somebody else took the port; throws when it will not run. */
  async start() {
    const args = ['-p', `${this.runtime}/`, '-c', 'nginx.conf', '-e', 'error.log', '-g', 'daemon off;'];
    this.process = spawn(nginxPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.said = '';
    this.process.stderr.on('data', (data) => { this.said = (this.said + data).slice(-8192); });
    this.ended = new Promise((resolve) => {
      this.process.once('exit', resolve);
      this.process.once('error', (error) => { this.said += error.message; resolve(-1); });
    });
    const deadline = Date.now() + START_LIMIT;
    while (Date.now() < deadline) {
      if (await Promise.race([this.ended.then(() => true), sleep(20)])) {
        return this.failed();
      }
      if (await accepts(this.port)) {
        return true;
      }
    }
    await this.stop();
    throw new Error(`nginx did not listen within ${START_LIMIT / 1000} s`);
  }

  failed() {
    const log = path.join(this.runtime, 'error.log');
    const text = this.said + (fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '');
    if (/Address already in use/.test(text)) {
      return false;
    }
    throw new Error(`nginx did not start:\n${text.trim()}`);
  }

  /* The lines of the access log so far: what was decided of each request, by which rule. */
  logged() {
    return fs.readFileSync(path.join(this.runtime, 'access.log'), 'utf8').split('\n').slice(0, -1);
  }

  /* What nginx complained of. */
  complaints() {
    const text = fs.readFileSync(path.join(this.runtime, 'error.log'), 'utf8');
    return text.split('\n').filter((line) => /\[(emerg|alert|crit|error|warn)\]/.test(line));
  }

  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null || !this.process.pid) {
      return;
    }
    this.process.kill('SIGTERM');
    const gone = await Promise.race([this.ended.then(() => true), sleep(STOP_LIMIT)]);
    if (!gone) {
      this.process.kill('SIGKILL');
      await this.ended;
    }
  }
}


async function tryOnce({ runtime, location, resources, startServer }) {
  const nginx = new Nginx(runtime, await freePort());
  const base = `http://127.0.0.1:${nginx.port}/fhir`;
  const issuer = await startIssuer({ audience: base, users: USERS, patients: people.patients });
  const server = await startServer({ publicBase: base, smartConfiguration: issuer.smartConfiguration, resources });
  const stop = async () => {
    await nginx.stop();
    await Promise.all([issuer.close(), server.close()]);
  };
  nginx.write({ issuerUri: issuer.uri, audience: base, upstream: server.base, location });
  try {
    if (await nginx.start()) {
      return { base, issuer, server, nginx, runtime, stop };
    }
  } catch (error) {
    await stop();
    throw error;
  }
  await stop();
  return null;
}

export async function startParts({ runtime, location = [], resources = generate(), startServer = startFhirServer }) {
  if (!fs.existsSync(modulePath)) {
    throw new Error(`${path.relative(TOP, modulePath)} is missing: run make first`);
  }
  fs.mkdirSync(runtime, { recursive: true });
  refuseIfInUse(runtime);
  for (let i = 0; i < TRIES; i += 1) {
    const parts = await tryOnce({ runtime, location, resources, startServer });
    if (parts) {
      return parts;
    }
  }
  throw new Error('found no free port for nginx');
}


/* Runs stop once, however the program ends; a signal ends it with the usual status. */
export function stopOnExit(stop) {
  let stopping;
  const once = () => { stopping ??= stop(); return stopping; };
  for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
    process.once(signal, () => once().finally(() => process.exit(status)));
  }
  return once;
}
