/*
 * smart_image: what a write finds and what it leaves, judged by one and the same grant (RULES L3, D4, D10, E5).
 *
 * Writes are strict: the element that says whose a resource is names the one patient and nobody else, and the constraint holds. Each
 * grant, and each patient of it, is a way of its own to be covered, so that no write leads from one patient, or out of one constraint, to another.
 */

#ifndef SMART_IMAGE_H
#define SMART_IMAGE_H

#include "smart/smart_cover.h"

typedef struct smart_image_s smart_image_t;

/* By the cover of a letter (c, u, d), in the arena; NULL: no memory. More than 64 ways: those beyond do not count. */
smart_image_t *smart_image_new(const smart_cover_t *cover, base_arena_t *arena);

/* The lens by which a resource of the type must be read (NULL: none is needed), for fhir_resource_read and smart_stored: `ctx` is the image. */
const fhir_lens_t *smart_image_lookup(void *ctx, const fhir_type_t *type);

/* The ways in which the resource that gave these facts is covered, a bit each; 0: it is not. Of two images of one write, the bits of both must have one in common. */
uint64_t smart_image_ways(const smart_image_t *image, const fhir_facts_t *facts);

/* Those of the ways that are no patient's: by a constraint alone, or without any condition. */
uint64_t smart_image_of_anybody(const smart_image_t *image);

#endif
