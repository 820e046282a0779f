# What an answer says of where things are: Location, Content-Location, redirects, links (RULES L0, L10); who changed it
# (B15); that the FHIR server ignores a parameter (L6); $smart_removed.

use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $token  = $issuer->token(scope => 'patient/*.cruds', patient => 'p1');
my $system = $issuer->token(scope => 'system/*.cruds');

sub observation {
    my ($id, $patient) = @_;
    return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" } };
}

# `self` says that the narrowing was applied.
sub searchset {
    my ($url, @resources) = @_;
    return { resourceType => 'Bundle', type => 'searchset', total => scalar @resources,
        link  => [ { relation => 'self', url => "$url/Observation?code=a&patient=p1" }, { relation => 'next', url => "$url?_getpages=abc" },
            { relation => 'related', url => 'https://elsewhere.example.org/x' } ],
        entry => [ map { { fullUrl => "$url/Observation/$_->{id}", resource => $_, search => { mode => 'match' } } } @resources ] };
}

my $port;
sub url { return "http://127.0.0.1:$port/fhir" }

my $up = upstream(
    qr{^(?:GET|POST|PUT) /fhir/} => sub {
        my ($request) = @_;
        my ($to) = ($request->query // '') =~ /\bcode=to-([a-z]+)/;
        my $host = $request->header('Host');
        my $url  = "http://$host/fhir";
        my %to   = (home => "$url/Observation?code=b", path => '/r4/Observation?code=b', away => 'https://elsewhere.example.org/fhir/Observation',
            double => '//elsewhere.example.org/r4/', beside => "${url}x/Observation");

        return { status => 302, headers => [ Location => $to{$to} ], body => '{"resourceType":"Observation","subject":{"reference":"Patient/p2"}}' } if defined $to;
        return { status => 201, json => observation('new', 'p1'),
            headers => [ Location => "$url/Observation/new/_history/1", 'Content-Location' => "$url/Observation/new/_history/1", ETag => 'W/"1"' ] } if $request->method eq 'POST';
        return { status => 302, headers => [ Location => "$url/Observation/other" ] } if $request->path =~ /moved/;
        return { json => observation('one', 'p1'), headers => [ 'Content-Location' => "$url/Observation/one/_history/3" ] } if $request->path =~ /one/;
        return { json => { resourceType => 'Organization', id => 'g1' }, headers => [ 'Content-Location' => "$url/Organization/g1/_history/3" ] } if $request->path =~ /Organization/;
        return { json => searchset($url, observation('o1', 'p1'), observation('o2', 'p2')) } if ($request->query // '') =~ /code=deaf/;
        return { json => searchset($url, observation('o1', 'p1'), observation('o3', 'p1')) };
    },
);
$port = $up->port;

my $nginx = nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    log_format removed '\$uri removed=\$smart_removed';
    access_log %%PREFIX%%/removed.log removed;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /r4     { smart hospital; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /host   { smart hospital; smart_base_url $base; proxy_set_header Host fhir.internal:8080; proxy_redirect off; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /as-is  { smart hospital; proxy_redirect off; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        location /other  { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        location / { smart hospital; smart_base_url $base; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir/; }
    }
EOC
my $json = JSON::PP->new->utf8;

for my $at (qw(r4 host as-is)) {
    my $known = $at eq 'as-is' ? url() : $base;
    my $own   = $at eq 'host' ? 'http://fhir.internal:8080/fhir' : url();

    my $r = $nginx->get("/$at/Observation?code=a", bearer => $token);
    is(join(' ', map { $_->{url} } @{ $r->json->{link} }), "$known/Observation?code=a&patient=p1 $known?_getpages=abc https://elsewhere.example.org/x", "$at: links");
    is(join(' ', map { $_->{fullUrl} } @{ $r->json->{entry} }), "$known/Observation/o1 $known/Observation/o3", "$at: fullUrl");
    is($r->header('X-Intermediary'), 'fhir.example.org', "$at: who may have changed it (B15)");

    $r = $nginx->post("/$at/Observation", bearer => $token, headers => [ 'Content-Type' => 'application/fhir+json' ], body => $json->encode({ resourceType => 'Observation', subject => { reference => 'Patient/p1' } }));
    is($r->status . ' ' . $r->header('Location'), "201 $known/Observation/new/_history/1", "$at: Location of a create");
    is($r->header('Content-Location'), "$known/Observation/new/_history/1", "$at: Content-Location of a create");
    is($r->header('X-Intermediary'), undef, "$at: as it came: nobody changed it");
    $r = $nginx->get("/$at/Observation/one", bearer => $token);
    is($r->header('Content-Location'), "$known/Observation/one/_history/3", "$at: Content-Location of a read");
    $r = $nginx->get("/$at/Organization/g1", bearer => $system);
    is($r->header('Content-Location'), "$known/Organization/g1/_history/3", "$at: without a check");

    for my $bearer ([ patient => $token ], [ system => $system ]) {
        my ($who, $bearer) = @$bearer;
        for my $to (qw(home path away double beside)) {
            next if $to eq 'path' && $at ne 'r4';
            $r = $nginx->get("/$at/Observation?code=to-$to", bearer => $bearer);
            if ($to =~ /home|path/) {
                is($r->status . ' ' . $r->header('Location'), "302 $known/Observation?code=b", "$at: $who is sent $to");
            } else {
                outcome_is($r, 502, 'processing', "$at: $who is not sent $to");
            }
            unlike($r->raw, qr/p2|elsewhere/, "$at: $who: ... and no body comes") if $who eq 'patient';
        }
    }
    outcome_is($nginx->get("/$at/Observation/moved", bearer => $token), 502, 'processing', "$at: an instance that may be another's does not move");
}
my $other = $nginx->client(port => $nginx->port(2));
is($other->get('/Observation?code=to-home', bearer => $token)->header('Location'), "$base/Observation?code=b", 'a base of no path: Location by its path alone');
outcome_is($other->get('/Observation?code=to-double', bearer => $token), 502, 'processing', 'a base of no path: another host is none');

# L6: what the FHIR server ignores is said once, and from then on no total is shown.
$nginx->mark;
my $r = $nginx->get('/r4/Observation?code=a', bearer => $token);
is($r->json->{total}, 2, 'a narrowed search has a total');
$r = $nginx->get('/r4/Observation?code=deaf', bearer => $token);
is(join(' ', map { $_->{resource}{id} } @{ $r->json->{entry} }) . ' ' . ($r->json->{total} // 'none'), 'o1 none', "what is another's goes, and so does the total");
$nginx->get('/r4/Observation?code=deaf', bearer => $token);
is($nginx->get('/r4/Observation?code=a', bearer => $token)->json->{total}, undef, 'from now on none is shown');
is($nginx->get('/other/Observation?code=a', bearer => $token)->json->{total}, 2, 'another location has its own');
is(scalar(() = $nginx->log_since_mark =~ /smart: narrowing_ignored: the FHIR server of location "\/r4" answers searches of Observation/g), 1, 'it is logged once');
unlike($nginx->log_since_mark =~ /(.*narrowing_ignored.*)/, qr/p1|p2|code=/, '... without the request');
ok($nginx->reload, 'reload');
is($nginx->get('/r4/Observation?code=a', bearer => $token)->json->{total}, 2, 'until the next reload');

$nginx->stop;
my $log = slurp($nginx->prefix . '/removed.log');
like($log, qr{^/r4/Observation removed=1$}m, '$smart_removed: one entry');
like($log, qr{^/as-is/Observation removed=0$}m, '$smart_removed: none');
like($log, qr{^/r4/Organization/g1 removed=-$}m, '$smart_removed: nothing was checked');

done_testing();
