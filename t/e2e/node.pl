# How t/e2e/*.t run their scripts: with the Node that the demo's packages bring.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Glob qw(bsd_glob);

my $here = dirname(__FILE__);

sub node {
    my ($node) = grep { -x } bsd_glob("$here/../../demo/node_modules/node-linux-*/bin/node");
    return $node if $node;
    print "Bail out! demo/node_modules has no Node for this machine: run make deps\n";
    exit 2;
}

# Replaces this process: signals and the exit status are the script's.
sub run_node {
    my ($script, @arguments) = @_;
    my $node = node();
    exec $node, "$here/$script", @arguments or die "$node: $!\n";
}

1;
