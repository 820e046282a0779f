#!/usr/bin/perl
# The same as inference.t against a real FHIR engine: what one patient's token learns of others by reads, searches, bundles, operations
# and pages. Writes are inference.t's.

use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/node.pl";

run_node('inference.mjs', 'engine');
