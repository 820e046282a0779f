#!/usr/bin/perl
# A backend service, written with fhir-kit-client: tokens by signed assertions, system/ scopes, every
# interaction that is enforced, and those that are refused until they are.

use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/node.pl";

run_node('backend_service.mjs');
