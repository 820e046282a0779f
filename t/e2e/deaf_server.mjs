/*
 * A FHIR server that hears no search parameter: whatever is searched, all of
 * the type comes back, with includes and on pages all it holds, and its links
 * say that everything was applied. It does every write, of anybody, to
 * anything. The worst there can be behind the edge: only what the edge takes
 * out is out.
 *
 *   const server = await startDeafServer({ publicBase, smartConfiguration, resources });
 *   server.base, server.received(), server.forget(), server.close()    as demo/fhir-server.mjs
 *   server.snapshot()   what it holds now: Map of Type/id -> JSON text
 */

import http from 'node:http';

const JSON_TYPE = 'application/fhir+json';

const outcome = (code) => ({ resourceType: 'OperationOutcome', issue: [{ severity: 'error', code }] });


class DeafServer {
  constructor({ publicBase, smartConfiguration, resources }) {
    this.publicBase = publicBase;
    this.smart = smartConfiguration;
    this.store = new Map(resources.map((r) => [`${r.resourceType}/${r.id}`, [structuredClone(r)]]));
    this.log = [];
    this.made = 0;
  }

  async listen() {
    this.http = http.createServer({ maxHeaderSize: 64 * 1024 }, (req, res) => this.serve(req, res));
    await new Promise((resolve) => { this.http.listen(0, '127.0.0.1', resolve); });
    this.base = `http://127.0.0.1:${this.http.address().port}/fhir`;
  }

  received() { return this.log; }

  forget() { this.log = []; }

  close() {
    this.http.closeAllConnections();
    return new Promise((resolve) => { this.http.close(resolve); });
  }

  current(key) {
    return this.store.get(key)?.[0];
  }

  snapshot() {
    return new Map([...this.store].map(([key, versions]) => [key, JSON.stringify(versions[0])]));
  }

  async serve(req, res) {
    const chunks = [];
    for await (const chunk of req) {
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks).toString('utf8');
    this.log.push({ method: req.method, url: req.url, headers: [], body });
    const { status, resource, headers = {} } = this.answer(req.method, req.url.slice('/fhir'.length), body, req.headers);
    const text = resource === undefined ? '' : JSON.stringify(resource);
    res.writeHead(status, { ...(text && { 'Content-Type': JSON_TYPE }), ...headers });
    res.end(req.method === 'HEAD' ? '' : text);
  }

  answer(method, target, body, headers) {
    const [path] = target.split('?');
    const [type, id, history, version] = path.replace(/^\//, '').split('/');
    if (path.includes('$export')) {
      return { status: 202, headers: { 'Content-Location': `${this.publicBase}/$export-poll-status?_jobId=1` } };
    }
    if (method === 'GET' || method === 'HEAD') {
      return this.get(target, type, id, history, version);
    }
    if (method === 'POST' && (path === '' || path === '/')) {
      return this.bundle(JSON.parse(body), headers);
    }
    if (method === 'POST' && (path.includes('_search') || path.includes('$'))) {
      return { status: 200, resource: this.everything('searchset', `${target}?${body}`) };
    }
    return this.write(method, type, id, body, headers);
  }

  get(target, type, id, history, version) {
    const plain = id && !/^[$_]/.test(id);
    if (type === '.well-known') {
      return { status: 200, resource: this.smart };
    }
    if (plain && history === '_history' && version === undefined) {
      return { status: 200, resource: this.everything('history', target) };
    }
    if (plain && (history === undefined || (history === '_history' && version))) {
      const found = this.current(`${type}/${id}`);
      return found
        ? { status: 200, resource: found, headers: { ETag: `W/"${found.meta.versionId}"` } }
        : { status: 404, resource: outcome('not-found') };
    }
    return { status: 200, resource: this.everything(target.includes('_history') ? 'history' : 'searchset', target) };
  }

  /* The type that a path pins; none with a page parameter, at system level, or for an operation. */
  pinned(target) {
    const [path, query] = target.split('?');
    const names = path.split('/').filter((part) => /^[A-Z][A-Za-z]+$/.test(part));
    return /\$|\*/.test(path) || /page|_cursor/.test(query) ? undefined : names.at(-1);
  }

  everything(type, target) {
    const pinned = this.pinned(target);
    const includes = /include/.test(target);
    const all = [...this.store.values()].map((versions) => versions[0])
      .filter((r) => includes || !pinned || r.resourceType === pinned);
    const entry = all.map((resource) => ({
      fullUrl: `${this.publicBase}/${resource.resourceType}/${resource.id}`,
      resource,
      ...(type === 'searchset' && { search: { mode: pinned && resource.resourceType !== pinned ? 'include' : 'match' } }),
      ...(type === 'history' && { request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` }, response: { status: '200' } }),
    }));
    return {
      resourceType: 'Bundle', type, total: all.length,
      link: [{ relation: 'self', url: this.publicBase + target }, { relation: 'next', url: `${this.publicBase}?_getpages=1` }],
      entry,
    };
  }

  write(method, type, id, body, headers) {
    const key = `${type}/${id}`;
    const before = this.current(key);
    const tag = before && `W/"${before.meta.versionId}"`;
    if (headers['if-match'] && headers['if-match'] !== tag) {
      return { status: 412, resource: outcome('conflict') };
    }
    if (headers['if-none-match'] === '*' && before) {
      return { status: 412, resource: outcome('conflict') };
    }
    if (method === 'DELETE') {
      this.store.delete(key);
      return { status: 204 };
    }
    if (method === 'PATCH') {
      return this.keep(type, id, { ...before, patched: body }, before);
    }
    const sent = JSON.parse(body);
    return this.keep(type, id ?? `made-${this.made += 1}`, sent, before);
  }

  keep(type, id, resource, before) {
    const stored = { ...resource, resourceType: type, id, meta: { ...resource.meta, versionId: String(Number(before?.meta.versionId ?? 0) + 1) } };
    this.store.set(`${type}/${id}`, [stored]);
    return {
      status: before ? 200 : 201, resource: stored,
      headers: { ETag: `W/"${stored.meta.versionId}"`, Location: `${this.publicBase}/${type}/${id}/_history/${stored.meta.versionId}` },
    };
  }

  /* Entries are done in order, whatever they are. */
  bundle(sent) {
    const entry = (sent.entry ?? []).map(({ request, resource }) => {
      const headers = { 'if-match': request.ifMatch, 'if-none-match': request.ifNoneMatch };
      const done = this.answer(request.method, `/${request.url}`, JSON.stringify(resource), headers);
      return {
        response: { status: String(done.status), ...(done.headers?.ETag && { etag: done.headers.ETag }) },
        ...(done.resource && { resource: done.resource }),
      };
    });
    return { status: 200, resource: { resourceType: 'Bundle', type: `${sent.type}-response`, entry } };
  }
}

export async function startDeafServer(settings) {
  const server = new DeafServer(settings);
  await server.listen();
  return server;
}
