/*
 * How apps get their tokens: discovery at the FHIR base, then the authorisation
 * code with PKCE, or client credentials with a signed assertion.
 *
 *   authorizeApp(fhirBase, client, { scope, user, launch })  -> token response
 *   authorizeService(fhirBase, client, { scope, alg })       -> token response
 *   Browser                                                  what the app sends its user to
 */

import { createHash, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';

const REDIRECTS_LIMIT = 10;
const random = () => randomBytes(32).toString('base64url');


/* Follows redirects and keeps cookies, as far as a login needs it. */
export class Browser {
  cookies = new Map();

  /* Goes to url and on until it is sent to an address below `until`: that address. */
  async visit(url, until) {
    let next = url;
    for (let i = 0; i < REDIRECTS_LIMIT; i += 1) {
      const response = await fetch(next, { redirect: 'manual', headers: { cookie: this.cookieHeader() } });
      this.keep(response.headers.getSetCookie());
      const location = response.headers.get('location');
      if (!location) {
        throw new Error(`${new URL(next).pathname} answered ${response.status}: ${await response.text()}`);
      }
      next = new URL(location, next).href;
      if (next.startsWith(until)) {
        return new URL(next);
      }
    }
    throw new Error('too many redirects');
  }

  cookieHeader() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  keep(lines) {
    for (const line of lines) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookies.set(name, value);
    }
  }
}

async function discover(fhirBase) {
  const response = await fetch(`${fhirBase}/.well-known/smart-configuration`);
  if (!response.ok) {
    throw new Error(`smart-configuration answered ${response.status}`);
  }
  return response.json();
}

async function requestToken(endpoint, form, headers = {}) {
  const response = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(form), headers });
  const body = await response.json();
  if (!response.ok) {
    throw new Error(`the token endpoint answered ${response.status}: ${body.error} ${body.error_description ?? ''}`);
  }
  return body;
}

function basic(client) {
  return { Authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` };
}

export async function authorizeApp(fhirBase, client, { scope, user, launch }) {
  const endpoints = await discover(fhirBase);
  const verifier = random();
  const url = new URL(endpoints.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    scope,
    state: random(),
    aud: fhirBase,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    login_hint: user,
    ...(launch && { launch }),
  });
  const back = await new Browser().visit(url.href, client.redirectUri);
  if (!back.searchParams.get('code')) {
    throw new Error(`the login ended with ${back.searchParams.get('error_description') ?? back.search}`);
  }
  return requestToken(endpoints.token_endpoint, {
    grant_type: 'authorization_code',
    code: back.searchParams.get('code'),
    redirect_uri: client.redirectUri,
    code_verifier: verifier,
    ...(!client.secret && { client_id: client.id }),
  }, client.secret && basic(client));
}

export async function authorizeService(fhirBase, client, { scope, alg = 'ES384' }) {
  const endpoints = await discover(fhirBase);
  const key = client.keys.find((k) => k.alg === alg);
  const assertion = await new SignJWT({})
    .setProtectedHeader({ alg, kid: key.kid, typ: 'JWT' })
    .setIssuer(client.id).setSubject(client.id).setAudience(endpoints.token_endpoint)
    .setJti(random()).setIssuedAt().setExpirationTime('4m')
    .sign(key.privateKey);
  return requestToken(endpoints.token_endpoint, {
    grant_type: 'client_credentials',
    scope,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
}
