# Attacked from nginx's side: errors before judging, subrequests of which only the header counts, bodies thrown away, headers in a
# spelling that only the upstream understands.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);

sub observation {
    my ($id, $patient) = @_;
    return { resourceType => 'Observation', id => $id, subject => { reference => "Patient/$patient" } };
}
my $up = upstream(
    qr{/Observation/o1$}     => { json => observation('o1', 'p1') },
    qr{/Observation/o2$}     => { json => observation('o2', 'p2') },
    qr{/Patient/(p[12])$}    => sub { return { json => { resourceType => 'Patient', id => $_[0]->path =~ s{.*/}{}r } } },
    qr{/Observation(?:/_search)?$} => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => observation('o1', 'p1') } ] } },
    qr{^POST .*/Organization$}     => { status => 201, json => { resourceType => 'Organization', id => 'g1' } },
    qr{/metadata$}           => { json => { resourceType => 'CapabilityStatement' } },
    qr{/page$}               => { headers => [ 'Content-Type' => 'text/html' ], body => 'page' },
);
my $second = upstream(qr{} => { json => observation('o1', 'p1') });
my $U = '127.0.0.1:%%UPSTREAM%%';

my $nginx = nginx(
    vars  => { UPSTREAM => $up->port, SECOND => $second->port, ISSUER => $issuer->uri, DEAD => free_port() },
    allow => [qr/is not what was judged, nothing is sent/],
    conf  => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    underscores_in_headers on;
    ignore_invalid_headers off;
    server {
        listen 127.0.0.1:%%PORT%%;
        error_page 405 = \@open;
        location \@open      { proxy_pass http://$U; }
        location /r4         { smart hospital; proxy_pass http://$U; }
        location = /asked    { auth_request /r4/Observation/o2; proxy_pass http://$U/page; }
        location = /asked1   { auth_request /r4/Observation/o1; proxy_pass http://$U/page; }
        location /small      { smart hospital; client_max_body_size 100; error_page 413 = \@small; proxy_pass http://$U; }
        location \@small     { smart hospital; smart_base /small; client_max_body_size 0; proxy_pass http://$U; }
        location /uri        { smart hospital; client_max_body_size 100; error_page 413 = /backend\$uri; proxy_pass http://$U; }
        location /fixed      { smart hospital; client_max_body_size 100; error_page 413 = /backend/page; proxy_pass http://$U; }
        location /backend    { internal; proxy_pass http://$U; }
        location /mirrored   { mirror /shadow/Observation/_search; mirror_request_body off; proxy_pass http://$U; }
        location /recursive  { smart hospital; client_max_body_size 100; recursive_error_pages on; error_page 413 = \@open; proxy_pass http://$U; }
        location /shadow     { smart hospital; proxy_pass http://$U; }
        location /first      { smart hospital; smart_upstream_authorization 'Basic operator'; error_page 502 = \@first; proxy_pass http://127.0.0.1:%%DEAD%%; }
        location \@first     { smart hospital; smart_base /first; smart_forward_token on; proxy_pass http://127.0.0.1:%%SECOND%%; }
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        location ~ ^/(t1)/fhir { smart hospital; smart_base /\$1/fhir; client_max_body_size 100; error_page 413 = \@open; proxy_pass http://$U; }
        location \@open      { proxy_pass http://$U; }
    }
EOC
my $token  = $issuer->token(scope => 'patient/*.rs', patient => 'p1');
my $system = $issuer->token(scope => 'system/*.cruds');
my @form   = ('Content-Type' => 'application/x-www-form-urlencoded');
my @json   = ('Content-Type' => 'application/fhir+json');

# a subrequest whose body nobody wants is judged all the same
my $r = $nginx->get('/asked1', bearer => $token);
is($r->status . ' ' . $r->body, '200 page', 'auth_request by a covered read');
isnt($nginx->get('/asked', bearer => $token)->status, 200, 'auth_request by a read that is not covered');
is($nginx->get('/asked', bearer => $system)->status, 200, 'control: covered by another token');
$up->clear;

# a body that nginx has thrown away cannot be judged
my $form = 'code=' . 'x' x 4000;
my $c = $nginx->client;
is($c->post('/small/Observation/_search', bearer => $token, headers => \@form, body => 'code=x')->status, 200, 'control: a small form');
$up->clear;
for my $path ('/small/Observation/_search', '/small/Organization') {
    my @how = $path =~ /_search/ ? ($token, \@form) : ($system, \@json);
    $c = $nginx->client;
    $c->send($c->compose('POST', $path, bearer => $how[0], headers => [ @{ $how[1] }, 'Content-Length' => 4005 ]));
    select undef, undef, undef, 0.2;
    $c->send($form);
    $r = $c->read(method => 'POST', timeout => 4);
    is($r->status, $path =~ /_search/ ? 413 : 500, "$path: 413 leads to a location with smart") || diag($r->raw);
}
upstream_got($up, 0, 'nothing was sent');
$up->clear;
$r = $nginx->post('/mirrored/Observation/_search', bearer => $token, headers => \@form, body => 'code=x');
is($r->status, 200, 'a mirror without the body');
is(scalar(grep { $_->target =~ /shadow/ } $up->requests), 0, 'is not judged by guess');
$up->clear;

# an error before judging does not lead past it, whatever error_page makes of the URI
for my $target ('/uri/Patient/p2', '/uri/Patient/p2?x=y', '/%75ri/Patient/p2', '/x/../uri/%50atient/p2', '/recursive/Patient/p2', '/t1/fhir/Patient/p2') {
    $c = $nginx->client(port => $nginx->port($target =~ /^.t1/ ? 2 : 1));
    $c->send($c->compose('GET', $target, headers => [ @json, 'Content-Length' => 4005 ]) . $form);
    $r = $c->read(method => 'GET', timeout => 4);
    isnt($r->status, 200, "$target: 413 into a location without smart");
    unlike($r->body, qr/"p2"/, "$target: nothing is released");
    upstream_got($up, 0, "$target: nothing is sent");
}
$c = $nginx->client;
$c->send($c->compose('POST', '/fixed/Patient/p2', headers => [ @json, 'Content-Length' => 4005 ]) . $form);
is($c->read(method => 'POST', timeout => 4)->body, 'page', 'control: an error page of the operator');
$up->clear;

# errors before the first phase
$c = $nginx->client;
$c->send("TRACE /elsewhere HTTP/1.1\r\nHost: localhost\r\nX-SMART-Patient: spoofed\r\nX-Other: kept\r\n\r\n");
$c->read(method => 'TRACE', timeout => 4);
$up->wait_requests(1);
header_is($up->last, 'X-Other', 'kept', 'control: an error leads to a named location');
header_is($up->last, 'X-SMART-Patient', '', 'stripped on that way too');
$up->clear;

# two locations that judge, two credentials
is($nginx->get('/first/Observation/o1', bearer => $token)->status, 200, 'judged twice');
header_is($second->last, 'Authorization', "Bearer $token", 'the token is forwarded, not the credential for another upstream');

# headers that were judged, in a spelling that was not
for my $name (qw(If_None_Exist If.None.Exist Content_Type Content_Encoding Transfer_Encoding Content_Length Prefer_ Accept_ If_Match X_Provenance)) {
    $r = $nginx->post('/r4/Organization', bearer => $system, headers => [ @json, $name => 'spoofed', 'X_Other' => 'kept' ], body => '{"resourceType":"Organization"}');
    is($r->status, 201, "$name: status") || diag($r->raw);
    next unless $up->last;
    header_is($up->last, 'X_Other', 'kept', "$name: others pass");
    next if $name =~ /_$/;
    header_is($up->last, $name, '', "$name: does not pass");
    $up->clear;
}

done_testing();
