#!/usr/bin/perl
# What one patient's token can learn or change of others: every type, every interaction, includes, histories, bundles, operations
# and pages, against a real FHIR engine and against a server that ignores every search parameter. Nothing of another patient's
# arrives and no write reaches it, while everything of one's own that the same scopes allow does.

use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/node.pl";

run_node('inference.mjs');
