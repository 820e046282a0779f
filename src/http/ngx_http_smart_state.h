/*
 * `state_file`: an issuer's last good documents on disk, for a start while the issuer is down: after a restart, a binary upgrade, or with a
 * replaced module, none of which keep the shared zone.
 *
 * The file is a convenience and never an authority: it is believed only as it was written (a checksum), for the same settings, by a user
 * whom we trust, and for as long as its documents would have been used without it.
 */

#ifndef _NGX_HTTP_SMART_STATE_H_INCLUDED_
#define _NGX_HTTP_SMART_STATE_H_INCLUDED_


#include "ngx_http_smart_issuer.h"


/*
 * Writes the file from what the zone holds: to a new one beside it (0600), then renamed. To be called by the holder of the lease. Harmless
 * without state_file; a failure is said in the log once until it works again.
 */
void ngx_http_smart_state_save(ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_t *zone);

/* Brings the file's documents into a zone that has none. Whatever is wrong with the file is a warning, and it is as if it were not there. */
void ngx_http_smart_state_load(ngx_http_smart_issuer_t *issuer,
    ngx_http_smart_zone_t *zone);


#endif /* _NGX_HTTP_SMART_STATE_H_INCLUDED_ */
