/*
 * The SMART and FHIR clients that t/e2e drives, from this folder's packages.
 *
 *   launchApp(base, client, { scope, user, launch })   a fhirclient that went through its SMART launch
 *   connect(base, token)                               a fhir-kit-client
 */

import smart from 'fhirclient';
import { Client } from 'fhir-kit-client';
import { Browser } from './apps.mjs';

class MemoryStorage {
  entries = new Map();

  async get(key) {
    return this.entries.get(key);
  }

  async set(key, value) {
    this.entries.set(key, value);
    return value;
  }

  async unset(key) {
    return this.entries.delete(key);
  }
}

/* fhirclient sees the app's own pages as requests that come in. */
function page(url) {
  const { host, pathname, search } = new URL(url);
  return { url: pathname + search, headers: { host }, socket: {} };
}

export async function launchApp(base, client, { scope, user, launch }) {
  const storage = new MemoryStorage();
  const goTo = await smart(page(client.redirectUri), {}, storage).authorize({
    iss: base,
    clientId: client.id,
    clientSecret: client.secret,
    redirectUri: client.redirectUri,
    scope,
    ...(launch && { launch }),
    noRedirect: true,
    pkceMode: 'required',
  });
  const back = await new Browser().visit(`${goTo}&login_hint=${encodeURIComponent(user)}`, client.redirectUri);
  return smart(page(back.href), {}, storage).ready();
}

export function connect(base, token) {
  return new Client({ baseUrl: base, bearerToken: token });
}
