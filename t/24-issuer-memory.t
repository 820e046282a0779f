# How much of the shared zone an issuer and 10,000 introspection results take: counted in pages, by the zone's own account.
#
# The slab pool stands at the beginning of the zone; where the system lets us, a worker's memory is read.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Time::HiRes qw(sleep time);

my $size = 32 * 1024 * 1024;
my $page = 4096;

plan skip_all => 'needs 64 bits and /proc' unless length(pack 'J', 0) == 8 && -r "/proc/$$/maps";

# Free pages of the pool in the mapping of that size: pfree stands behind the lock (16 bytes), five words, a page's three and `stats`.
sub free_pages {
    my ($nginx) = @_;
    my ($pid)   = $nginx->workers;

    open my $maps, '<', "/proc/$pid/maps" or return;
    for my $line (<$maps>) {
        my ($from, $to) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) rw-s/ or next;
        ($from, $to) = map { unpack 'J>', pack 'H16', '0' x (16 - length) . $_ } $from, $to;
        next if $to - $from != $size;
        open my $memory, '<:raw', "/proc/$pid/mem" or return;
        sysseek $memory, $from, 0 or return;
        sysread $memory, my $bytes, 104 or return;
        my @word = unpack 'J13', $bytes;
        return $word[10] if $word[12] == $to && $word[2] == 8;
    }
    return;
}

sub run {
    my ($n, $introspection) = @_;
    my $issuer  = issuer(keys => ['rsa']);
    my $blocks  = join '', map { "smart_issuer i$_ { uri %%ISSUER%%; audience https://fhir.example.org/r4; stale ${_}m; $introspection }\n" } 1 .. $n;
    my $nginx   = nginx(vars => { ISSUER => $issuer->uri, EXP => int(time) + 3600 }, conf => <<"EOC");
        smart_zone zone=measured:$size;
        access_log off;
        $blocks
        server {
            listen 127.0.0.1:%%PORT%%;
            keepalive_requests 100000;
            location /r4 { smart i1; proxy_pass http://127.0.0.1:%%PORT2%%; }
        }
        server {
            listen 127.0.0.1:%%PORT2%%;
            keepalive_requests 100000;
            default_type application/fhir+json;
            location /introspect {
                return 200 '{"active":true,"scope":"launch/patient patient/Observation.rs patient/Condition.rs patient/Patient.rs openid fhirUser","client_id":"growth-chart","username":"jdoe","sub":"1f2e3d4c-5b6a","exp":%%EXP%%,"patient":"p-123456","encounter":"e-123456","iss":"%%ISSUER%%"}';
            }
            location / { return 200 '{"resourceType":"Patient","id":"p-123456"}'; }
        }
EOC
    ok(wait_until(sub { $issuer->gets('jwks') == $n }, 15), "$n issuers have their keys") || diag $issuer->gets('jwks');
    sleep 0.3;
    return $nginx;
}

my ($one, $many) = map { run($_, '') } 1, 33;
my @free = map { free_pages($_) } $one, $many;
unless (defined $free[0]) {
    $_->stop for $one, $many;
    done_testing();
    exit;
}
my $each = ($free[0] - $free[1]) * $page / 32;
diag sprintf 'shared memory of an issuer with one RSA key (%d bytes of keys): %.1f KB', length(issuer(keys => ['rsa'])->jwks), $each / 1024;
cmp_ok($each, '>', 0,        'an issuer takes some');
cmp_ok($each, '<', 6 * 1024, 'and no more than 6 KB');
$_->stop for $one, $many;

my $nginx  = run(1, 'introspection_uri http://127.0.0.1:%%PORT2%%/introspect; introspection opaque; introspection_cache 5m; insecure_http on; private_addresses on;');
my $before = free_pages($nginx);
my $client = $nginx->client;
my ($good, $said, $began) = (0, '', time);
for my $n (1 .. 10_000) {
    my $r = $client->get('/r4/Patient/p-123456', bearer => sprintf 'opaque-token-%08d', $n);
    $r->status == 200 ? $good++ : ($said ||= $r->raw);
}
is($good, 10_000, sprintf '10,000 opaque tokens, one after the other, in %.1f s', time - $began) || diag $said;
my $used = ($before - free_pages($nginx)) * $page;
diag sprintf 'shared memory of 10,000 introspection results: %.1f MB', $used / 1024 / 1024;
cmp_ok($used, '>', 10_000 * 256,  'they are kept');
cmp_ok($used, '<', 10_000 * 1024, 'in no more than 1 KB each');
done_testing();
