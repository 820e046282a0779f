/*
 * An OpenID provider that plays a hospital's SMART authorisation server:
 * oidc-provider on a loopback port, JWT access tokens (`typ: at+jwt`) with
 * SMART scopes and launch context, RS256 for the apps of people and ES384 for
 * clinicians and services.
 *
 *   const issuer = await startIssuer({ audience, users, patients });
 *   issuer.uri                 the token's `iss`
 *   issuer.clients             what each app knows of itself: id, secret, keys
 *   issuer.smartConfiguration  the document that the FHIR server publishes
 *   issuer.launch(context)     an EHR launch: the handle for the `launch` parameter
 *   issuer.resign(token, changes)  the same token with other claims, signed by the same key
 *   issuer.close()
 *
 * Nobody types a password: a request that carries `login_hint` is logged in and
 * consented at once, one without it gets a page with a button for each user.
 */

import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { SignJWT, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair } from 'jose';
import { Provider, errors, interactionPolicy } from 'oidc-provider';

const REDIRECT_URI = 'http://127.0.0.1/callback';
const SCOPE = /^(patient|user|system)\/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?.+)?$/;
const LAUNCH_SCOPES = ['launch', 'launch/patient', 'launch/encounter', 'online_access'];
const CAPABILITIES = [
  'launch-ehr', 'launch-standalone', 'client-public', 'client-confidential-symmetric', 'client-confidential-asymmetric',
  'sso-openid-connect', 'context-ehr-patient', 'context-ehr-encounter', 'context-standalone-patient',
  'permission-patient', 'permission-user', 'permission-v1', 'permission-v2',
];

/* client id -> which contexts it may be granted, and what its tokens are signed with. */
const APPS = {
  'patient-app': { contexts: ['patient', 'user'], alg: 'RS256', lifetime: 3600 },
  'clinician-app': { contexts: ['patient', 'user'], alg: 'ES384', lifetime: 3600 },
  'backend-service': { contexts: ['system'], alg: 'ES384', lifetime: 300 },
};


async function keyPair(alg, kid) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
  const describe = async (key) => ({ ...(await exportJWK(key)), kid, alg, use: 'sig' });
  return { alg, kid, privateKey, privateJwk: await describe(privateKey), publicJwk: await describe(publicKey) };
}

function html(title, body) {
  return `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}`;
}

function escapeHtml(text) {
  return String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}


/* Where the provider keeps its state: gone with the demo. */
class Storage {
  static entries = new Map();

  constructor(name) {
    this.name = name;
  }

  key(id) {
    return `${this.name}:${id}`;
  }

  async upsert(id, payload) {
    Storage.entries.set(this.key(id), payload);
    if (this.name === 'Session') {
      Storage.entries.set(this.key(payload.uid), payload);
    }
  }

  async find(id) {
    return Storage.entries.get(this.key(id));
  }

  async findByUid(uid) {
    return this.find(uid);
  }

  async consume(id) {
    Storage.entries.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    Storage.entries.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const [key, payload] of Storage.entries) {
      if (payload.grantId === grantId) {
        Storage.entries.delete(key);
      }
    }
  }
}


class Issuer {
  constructor({ audience, users, patients }) {
    this.audience = audience;
    this.users = users;
    this.patients = patients;
    this.contexts = new Map();
    this.launches = new Map();
  }

  async listen() {
    this.http = http.createServer((req, res) => this.serve(req, res));
    await new Promise((resolve) => { this.http.listen(0, '127.0.0.1', resolve); });
    this.uri = `http://127.0.0.1:${this.http.address().port}`;
    this.keys = { RS256: await keyPair('RS256', 'demo-rs256'), ES384: await keyPair('ES384', 'demo-es384') };
    this.clients = {
      patientApp: { id: 'patient-app', redirectUri: REDIRECT_URI },
      clinicianApp: { id: 'clinician-app', redirectUri: REDIRECT_URI, secret: randomBytes(24).toString('base64url') },
      backend: { id: 'backend-service', keys: [await keyPair('ES384', 'backend-es384'), await keyPair('RS384', 'backend-rs384')] },
    };
    this.provider = new Provider(this.uri, this.configuration());
    this.provider.use((ctx, next) => this.addContextToTokenResponse(ctx, next));
    this.handler = this.provider.callback();
    this.smartConfiguration = this.describe();
  }

  close() {
    this.http.closeAllConnections();
    return new Promise((resolve) => { this.http.close(resolve); });
  }

  launch(context) {
    const handle = randomBytes(12).toString('base64url');
    this.launches.set(handle, context);
    return handle;
  }

  async resign(token, changes) {
    const header = decodeProtectedHeader(token);
    const key = Object.values(this.keys).find((k) => k.kid === header.kid);
    return new SignJWT({ ...decodeJwt(token), ...changes }).setProtectedHeader(header).sign(key.privateKey);
  }

  describe() {
    return {
      issuer: this.uri,
      jwks_uri: `${this.uri}/jwks`,
      authorization_endpoint: `${this.uri}/auth`,
      token_endpoint: `${this.uri}/token`,
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
      grant_types_supported: ['authorization_code', 'client_credentials'],
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      scopes_supported: ['openid', 'fhirUser', ...LAUNCH_SCOPES, 'patient/*.rs', 'user/*.cruds', 'system/*.rs'],
      capabilities: CAPABILITIES,
    };
  }

  /* oidc-provider's configuration. */

  configuration() {
    return {
      adapter: Storage,
      clients: this.registrations(),
      jwks: { keys: Object.values(this.keys).map((key) => key.privateJwk) },
      cookies: { keys: [randomBytes(16).toString('hex')] },
      scopes: ['openid', 'fhirUser', ...LAUNCH_SCOPES],
      claims: { openid: ['sub'], fhirUser: ['fhirUser'] },
      conformIdTokenClaims: false,
      pkce: { required: () => true },
      clientBasedCORS: () => true,
      enabledJWA: { clientAuthSigningAlgValues: ['ES384', 'RS384'] },
      extraParams: { launch: null, aud: (ctx, value) => this.checkAudience(value) },
      extraTokenClaims: (ctx, token) => this.contexts.get(token.grantId),
      findAccount: (ctx, id) => this.account(id),
      interactions: { policy: alwaysAsk(), url: (ctx, interaction) => `/interaction/${interaction.uid}` },
      ttl: {
        AccessToken: (ctx, token, client) => APPS[client.clientId].lifetime,
        ClientCredentials: (ctx, token, client) => APPS[client.clientId].lifetime,
        AuthorizationCode: 60, Grant: 86400, IdToken: 3600, Interaction: 3600, Session: 86400,
      },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => this.audience,
          useGrantedResource: () => true,
          getResourceServerInfo: (ctx, resource, client) => this.resourceServer(ctx, resource, client),
        },
      },
    };
  }

  registrations() {
    const { patientApp, clinicianApp, backend } = this.clients;
    const app = { application_type: 'native', redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code'] };
    return [
      { ...app, client_id: patientApp.id, token_endpoint_auth_method: 'none' },
      { ...app, client_id: clinicianApp.id, client_secret: clinicianApp.secret },
      {
        client_id: backend.id,
        redirect_uris: [],
        response_types: [],
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: backend.keys.map((key) => key.publicJwk) },
      },
    ];
  }

  /* SMART apps name the FHIR base in `aud`: a token must not be had for another. */
  checkAudience(value) {
    if (value !== undefined && value.replace(/\/$/, '') !== this.audience) {
      throw new errors.InvalidRequest('aud is not the FHIR server of this issuer');
    }
  }

  account(id) {
    const user = this.users[id];
    return user && { accountId: id, claims: () => ({ sub: id, fhirUser: `${this.audience}/${user.fhirUser}` }) };
  }

  /* The provider drops every scope that is not listed here, so the list is what was asked and may be had. */
  resourceServer(ctx, resource, client) {
    if (resource !== this.audience) {
      throw new errors.InvalidTarget('unknown FHIR server');
    }
    const { AuthorizationCode: code, RefreshToken: refresh } = ctx.oidc.entities;
    const asked = ctx.oidc.params.scope ?? code?.scope ?? refresh?.scope ?? '';
    const app = APPS[client.clientId];
    return {
      audience: this.audience,
      scope: asked.split(' ').filter((scope) => app.contexts.includes(SCOPE.exec(scope)?.[1])).join(' '),
      accessTokenFormat: 'jwt',
      jwt: { sign: { alg: app.alg } },
    };
  }

  async addContextToTokenResponse(ctx, next) {
    await next();
    if (ctx.oidc?.route === 'token' && ctx.status === 200) {
      const { fhirUser, ...context } = this.contexts.get(ctx.oidc.entities.AccessToken?.grantId) ?? {};
      Object.assign(ctx.body, context);
    }
  }

  /* The interaction: who logs in, and about which patient. */

  async serve(req, res) {
    if (!req.url.startsWith('/interaction/')) {
      return this.handler(req, res);
    }
    try {
      return await this.interact(req, res);
    } catch (error) {
      res.writeHead(error.status ?? 500, { 'Content-Type': 'text/html; charset=utf-8' });
      return res.end(html('This login cannot go on', `<p>${escapeHtml(error.message)}`));
    }
  }

  async interact(req, res) {
    const { params } = await this.provider.interactionDetails(req, res);
    const form = new URL(req.url, this.uri).searchParams;
    const user = form.get('user') ?? params.login_hint;
    if (!this.users[user]) {
      res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      return res.end(this.loginPage(params));
    }
    const grantId = await this.consent(user, params, form.get('patient'));
    return this.provider.interactionFinished(req, res, { login: { accountId: user }, consent: { grantId } });
  }

  loginPage(params) {
    const option = (id) => `<option>${escapeHtml(id)}`;
    return html(`${escapeHtml(params.client_id)} asks for access`, `
      <p>It asks for: <code>${escapeHtml(params.scope)}</code>
      <form>
        <p><label>Log in as <select name="user">${Object.keys(this.users).map(option).join('')}</select></label>
        <p><label>Patient, where a clinician is asked for one
          <select name="patient">${this.patients.map(option).join('')}</select></label>
        <p><button>Log in and allow</button>
      </form>`);
  }

  async consent(user, params, chosenPatient) {
    const grant = new this.provider.Grant({ accountId: user, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    grant.addOIDCClaims(['fhirUser']);
    grant.addResourceScope(this.audience, params.scope);
    const grantId = await grant.save();
    this.contexts.set(grantId, this.launchContext(user, params, chosenPatient));
    return grantId;
  }

  launchContext(user, params, chosenPatient) {
    const { fhirUser } = this.users[user];
    const context = { fhirUser: `${this.audience}/${fhirUser}` };
    const launched = this.launches.get(params.launch);
    if (launched) {
      return { ...context, ...launched };
    }
    if (fhirUser.startsWith('Patient/')) {
      return { ...context, patient: fhirUser.slice('Patient/'.length) };
    }
    return params.scope.split(' ').includes('launch/patient') && chosenPatient
      ? { ...context, patient: chosenPatient } : context;
  }
}


/* A second app in the same browser may want another user or patient: ask each time. */
function alwaysAsk() {
  const policy = interactionPolicy.base();
  const asked = new interactionPolicy.Check('ask_each_time', 'every app asks who logs in', (ctx) => !ctx.oidc.result?.login);
  policy.get('login').checks.add(asked);
  return policy;
}


export async function startIssuer(settings) {
  const issuer = new Issuer(settings);
  await issuer.listen();
  return issuer;
}
