# slice asks for an answer piece by piece, by subrequests that start behind the judge: what is checked is checked whole, or not released.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation {
    my ($id, $patient) = @_;
    return JSON::PP->new->canonical->encode({ resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" },
        note => [ { text => "secret of $patient " x 300 } ] });
}
my %bodies = (o1 => observation('o1', 'p1'), o2 => observation('o2', 'p2'));
my $up = upstream(qr{/Observation/o[12]$} => sub {
    my ($request) = @_;
    my ($id)  = $request->path =~ /(o[12])$/;
    my $whole = $bodies{$id};
    return { status => 200, body => $whole } unless ($request->header('Range') // '') =~ /^bytes=(\d+)-(\d+)$/;
    my ($from, $to) = ($1, $2 < length($whole) - 1 ? $2 : length($whole) - 1);
    return { status => 206, headers => [ 'Content-Range' => "bytes $from-$to/" . length $whole, ETag => "\"$id\"" ], body => substr $whole, $from, $to - $from + 1 };
});
my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, allow => [qr/is not what was judged, nothing is sent/], conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    proxy_cache_path %%PREFIX%%/cache keys_zone=c:1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4    { smart hospital; slice 1k; proxy_set_header Range \$slice_range; proxy_http_version 1.1; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /cache { smart hospital; slice 1k; proxy_set_header Range \$slice_range; proxy_cache c; proxy_cache_key \$uri\$is_args\$args\$slice_range; proxy_cache_valid 200 206 1m;
            proxy_http_version 1.1; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC
my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $system = $issuer->token(scope => 'system/*.rs');

for my $at (qw(/r4 /cache)) {
    for my $id (qw(o1 o2)) {
        my $r = $nginx->get("$at/Observation/$id", bearer => $system);
        is($r->status . ' ' . length $r->body, '200 ' . length $bodies{$id}, "$at/$id: nothing to check, in slices");
    }
    for my $round (1, 2) {
        my $c = $nginx->client;
        $c->send($c->compose('GET', "$at/Observation/o2", bearer => $token, close => 1));
        my $all = $c->rest(3);
        unlike($all, qr/secret/, "$at/o2: not a byte of another's");
        like($all, qr{^HTTP/1\.1 (?:404|50[02]) .*OperationOutcome}s, "$at/o2: refused");
        $c = $nginx->client;
        $c->send($c->compose('GET', "$at/Observation/o1", bearer => $token, close => 1));
        $all = $c->rest(3);
        like($all, qr{^HTTP/1\.1 (?:200 .*\Q$bodies{o1}\E|50[02] .*OperationOutcome)}s, "$at/o1: whole or refused");
    }
}

done_testing();
