#!/usr/bin/perl
# What is installed, where, and what it exports; that enabling it is one link; and that the lock file names no registry.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use File::Temp qw(tempdir);

my $module = ($ENV{SMART_BUILD} || top() . '/build') . '/module/ngx_http_smart_module.so';
my $build  = $ENV{SMART_BUILD} || 'build';
my $dest   = tempdir(CLEANUP => 1);
my $so     = "$dest/usr/lib/nginx/modules/ngx_http_smart_module.so";
my $conf   = "$dest/usr/share/nginx/modules-available/mod-http-smart.conf";

sub files { return sort split /\n/, qx(cd $dest && find . -type f -o -type l) }

subtest 'exports' => sub {
    my @names = sort map { (split)[-1] } grep { / [BDRT] / } qx(nm -D --defined-only $module);
    is("@names", 'ngx_module_names ngx_module_order ngx_modules', 'what nginx looks up, and nothing else');
};

subtest 'make install, make uninstall' => sub {
    my $output = qx(make install BUILD=$build DESTDIR=$dest 2>&1);
    is($?, 0, 'installs') || diag($output);
    ok(-f $so, 'the module');
    is(slurp($conf), "load_module modules/ngx_http_smart_module.so;\n", 'its snippet');
    unlike(join(' ', files()), qr/modules-enabled/, 'disabled until linked');

    $output = qx(make uninstall BUILD=$build DESTDIR=$dest 2>&1);
    is($?, 0, 'uninstalls') || diag($output);
    is(join(' ', files()), '', 'nothing is left');
};

subtest 'the lock file' => sub {
    my @resolved = slurp('demo/package-lock.json') =~ /"resolved": "([^"]*)"/g;
    is_deeply([grep { m{://} } @resolved], [], 'names no address of a registry');
};

done_testing();
