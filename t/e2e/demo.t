#!/usr/bin/perl
# make demo ONCE=1: every answer is the expected one, each row tells what it must, nothing is left
# running. And the demo can fail: behind an nginx that does not enforce, it does.

use strict;
use warnings;
use FindBin;
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use Test::More;

my $build = $ENV{SMART_BUILD} || 'build';
my $dir = "$build/e2e/demo-$$";
make_path($dir);

my ($status, $text) = demo();
is($status, 0, 'the demo ends well') or diag($text);
unlike($text, qr/WRONG/, 'no answer is wrong');

my @rows = $text =~ /^((?: \d|\d\d)  \d{3}  .*?)^$/msg;
cmp_ok(scalar @rows, '>=', 15, 'it makes at least 15 requests');
for my $part (qw(shows scopes decided answer upstream try)) {
    is(scalar(grep { /^    $part +\S/m } @rows), scalar @rows, "each row has its '$part'");
}
is(scalar(grep { /^    try +curl -si .*http:/m } @rows), scalar @rows, 'each has a curl line');

my %want = (
    'nobody GET /Patient/ada'               => 401,
    'forged GET /Patient/ada'               => 401,
    'expired GET /Patient/ada'              => 401,
    'patient GET /Patient/ada'              => 200,
    'patient GET /Patient/bruno'            => 403,
    'patient GET /Observation/bruno-obs-1'  => 404,
    'clinician POST /Observation'           => 201,
    'backend GET /Encounter?_count=5'       => 200,
);
my %got = map { /^ *\d+  (\d+)  (\w+) +(.*)$/m ? ("$2 $3" => $1) : () } @rows;
is($got{$_}, $want{$_}, "$_: $want{$_}") for sort keys %want;

unlike($_, qr/^    decided +not logged/m, (/^(.*)$/m)[0] . ': the decision was logged') for @rows;

my ($port) = $text =~ m{nginx with the module +http://127\.0\.0\.1:(\d+)/};
ok($port, 'it prints where nginx listens');
ok(!IO::Socket::INET->new("127.0.0.1:$port"), 'where nothing listens afterwards');
is((stat "$dir/patient.header")[2] & 0777, 0600, 'tokens are kept from others');

my ($plain_status, $plain_text) = demo(NGINX_BINARY => plain_nginx());
is($plain_status, 1, 'behind an nginx that does not enforce, the demo fails');
like($plain_text, qr/^ *\d+  200  nobody +GET \/Patient\/ada\n(?:    .*\n)*?    WRONG +expected 401\n/m, 'and says where');

remove_tree($dir) if Test::More->builder->is_passing;
done_testing();

sub demo {
    my %env = (ONCE => 1, DEMO_DIR => $dir, @_);
    local @ENV{keys %env} = values %env;
    my $out = `$FindBin::Bin/../../demo/run 2>&1`;
    return ($? >> 8, $out);
}

# An nginx that is given the demo's configuration without what the module understands.
sub plain_nginx {
    my $path = "$dir/plain-nginx";
    open my $out, '>', $path or die "$path: $!\n";
    print $out <<'EOF';
#!/bin/sh
sed -i -e '/load_module/d' -e '/smart_issuer/,/^    }/d' -e '/smart  *hospital/d' -e '/log_format/d' \
    -e 's/access\.log  smart/access.log/' "$2nginx.conf"
exec /usr/sbin/nginx "$@"
EOF
    close $out;
    chmod 0755, $path;
    return $path;
}
