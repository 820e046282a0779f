# smart_dry_run (RULES L18): no byte of request or answer changes, but for context headers; what would have been refused is recorded.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;

my $base   = 'https://fhir.example.org/r4';
my $issuer = issuer(audience => $base);
my $up     = upstream(
    qr{Patient/bruno$} => { json => { resourceType => 'Patient', id => 'bruno' } },
    qr{/Observation/1$} => { json => { resourceType => 'Observation', id => '1', subject => { reference => 'Patient/ada' } } },
    qr{/foreign$}      => { json => { resourceType => 'Observation', id => 'foreign', subject => { reference => 'Patient/bruno' } } },
    qr{Broken}         => { status => 200, headers => [ 'Content-Type' => 'text/plain' ], body => 'no FHIR at all' },
    qr{Late}           => { chunked => [ '{"resourceType":"Bundle"}' ] },
    qr{}               => { json => { resourceType => 'Bundle', type => 'searchset', entry => [ { resource => { resourceType => 'Observation', id => 'o', subject => { reference => 'Patient/bruno' } } } ] } },
);
my $dead = free_port();
my $nginx = nginx(files => { 'files/fcgi/Observation/1' => 'a file' }, vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri, DEAD => $dead }, conf => <<"EOC");
    smart_issuer hospital { uri %%ISSUER%%; audience $base; }
    smart_issuer unreachable { uri http://127.0.0.1:%%DEAD%%/; audience $base; }
    log_format smart '\$uri|\$smart_status|\$smart_reason|\$smart_interaction|\$smart_rule|\$smart_removed';
    underscores_in_headers on;
    server {
        listen 127.0.0.1:%%PORT%%;
        access_log %%PREFIX%%/smart.log smart;
        smart_dry_run on;
        location /r4       { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /cold     { smart unreachable; smart_base /cold; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /withheld { smart hospital; smart_forward_token off; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /own      { smart hospital; smart_upstream_authorization "Basic eDp5"; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /moved/   { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/r4/; }
        location /small    { smart hospital; smart_body_buffer 10; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /fcgi     { smart hospital; root %%PREFIX%%/files; }
        location /pages    { smart hospital; client_max_body_size 5; error_page 413 = \@plain; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location \@plain   { proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /onward   { smart hospital; proxy_intercept_errors on; error_page 404 = \@plain; try_files /nosuch \@plain; }
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        location / { proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /moved/ { proxy_pass http://127.0.0.1:%%UPSTREAM%%/r4/; }
        location /fcgi { root %%PREFIX%%/files; }
    }
    server {
        listen 127.0.0.1:%%PORT3%%;
        location /r4      { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /dry     { smart hospital; smart_dry_run on; error_page 404 = /r4/Patient/bruno; proxy_intercept_errors on; try_files /nosuch /r4/Patient/bruno; }
        location /first   { smart hospital; error_page 418 = /later/Patient/bruno; proxy_intercept_errors on; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /later   { smart hospital; smart_dry_run on; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
        location /large   { smart hospital; client_max_body_size 5; error_page 413 = /later/Patient/bruno; proxy_pass http://127.0.0.1:%%UPSTREAM%%; }
    }
EOC
my $same  = $nginx->client(port => $nginx->port(1));
my $plain = $nginx->client(port => $nginx->port(2));
my $mixed = $nginx->client(port => $nginx->port(3));
my $token = $issuer->token(scope => 'patient/Observation.rs patient/Patient.rs', patient => 'ada', sub => 'u');
my $bad   = $issuer->token(scope => 'patient/*.rs', patient => 'ada', exp => time - 1000);
my $cold  = $issuer->token(scope => 'patient/*.rs', patient => 'ada', iss => "http://127.0.0.1:$dead/");

# bytes without what is ours
sub bytes {
    my ($message) = @_;
    my $raw = $message->raw;
    $raw =~ s/^(?:X-SMART-[\w-]+): .*\r\n//mg;
    $raw =~ s/^Date: .*\r\n//mg;
    return $raw;
}

# One line for each request to the dry server, in their order; a line is written after the answer was sent.
my $seen = 0;

# The same request through dry run and through plain nginx: request and answer alike, the record as expected.
sub alike {
    my ($name, $status, $reason, $method, $path, %options) = @_;
    $up->clear;
    my $dry = $same->request($method, $path, %options);
    my @dry = $up->requests;
    $up->clear;
    my $through = $plain->request($method, $path, %options);
    my @plain = $up->requests;
    is(bytes($dry), bytes($through), "$name: the answer");
    is(join('|', map { bytes($_) } @dry), join('|', map { bytes($_) } @plain), "$name: what was sent upstream");
    wait_until { defined((split /\n/, $nginx->slurp_log)[$seen]) } 5;
    my $record = (split /\n/, $nginx->slurp_log)[$seen++];
    my ($uri, $said, $why, undef, undef, $removed) = split /\|/, $record // '';
    is("$said $why", "$status $reason", "$name: the record");
    is($removed, $options{removed}, "$name: what would have been taken out") if exists $options{removed};
    return $dry[0];
}

sub Smart::Nginx::slurp_log { my $f = $_[0]->prefix . '/smart.log'; return -e $f ? slurp($f) : '' }

my @form = ('Content-Type' => 'application/x-www-form-urlencoded');
my @json = ('Content-Type' => 'application/fhir+json');
my @odd  = (Connection => 'close', TE => 'trailers', 'X-HTTP-Method-Override' => 'DELETE', 'If-None-Match' => 'W/"1"', Range => 'bytes=0-3', 'Accept-Encoding' => 'gzip', Prefer => 'return=minimal');

my $sent = alike('allowed, would be narrowed', 'PASSED', 'ok', 'GET', '/r4/Observation?code=1&code=2', bearer => $token);
is($sent->target, '/r4/Observation?code=1&code=2', 'not narrowed');
header_is($sent, 'X-SMART-Patient', 'ada', 'the context is said');
header_is($sent, 'Authorization', "Bearer $token", 'Authorization as it came');
$sent = alike('odd headers stay', 'PASSED', 'ok', 'GET', '/r4/Observation/1', bearer => $token, headers => \@odd);
header_is($sent, 'X-HTTP-Method-Override', 'DELETE', 'an override is not ours to take');
alike('HEAD is not made a GET', 'PASSED', 'ok', 'HEAD', '/r4/Observation?code=1', bearer => $token);
alike('a form', 'PASSED', 'ok', 'POST', '/r4/Observation/_search?_count=3', bearer => $token, headers => \@form, body => 'code=1%2C2&_sort=date');
alike('foreign patient', 'DENIED_DRY_RUN', 'other_patient', 'GET', '/r4/Patient/bruno', bearer => $token);
like($nginx->log, qr/\[info\] .*smart: dry run, would have denied 403 other_patient/, 'said in the log');
alike('scope missing', 'DENIED_DRY_RUN', 'scope_missing', 'GET', '/r4/Condition/1', bearer => $token);
alike('no token', 'DENIED_DRY_RUN', 'no_credentials', 'GET', '/r4/Observation/1');
alike('other scheme', 'DENIED_DRY_RUN', 'no_credentials', 'GET', '/r4/Observation/1', headers => [ Authorization => 'Basic eHk6eg==' ]);
$sent = alike('expired', 'DENIED_DRY_RUN', 'token_expired', 'GET', '/r4/Observation/1', bearer => $bad);
header_is($sent, 'X-SMART-Patient', '', 'a refused token says nothing about who asks');
header_is($sent, 'Authorization', "Bearer $bad", 'a refused token goes as it came');
alike('our own 503', 'DENIED_DRY_RUN', 'keys_unavailable', 'GET', '/cold/Observation/1', bearer => $cold);
alike('a path that is none', 'DENIED_DRY_RUN', 'path_encoded', 'GET', '/r4/Observation/%2e%2e/x', bearer => $token);
alike('a query that is none', 'DENIED_DRY_RUN', 'query_syntax', 'GET', '/r4/Observation?code=%zz', bearer => $token);
alike('an unknown operation', 'DENIED_DRY_RUN', 'operation_refused', 'GET', '/r4/$nonsense', bearer => $token);
alike('a preflight', 'PASSED', 'ok', 'OPTIONS', '/r4/Observation', headers => [ Origin => 'https://x', 'Access-Control-Request-Method' => 'GET' ]);
alike('a write', 'DENIED_DRY_RUN', 'scope_missing', 'PUT', '/r4/Condition/1', bearer => $token, headers => \@json, body => '{"resourceType":"Condition","id":"1"}');
like($nginx->log, qr/\[warn\] .*smart: dry run, would have denied 403 scope_missing/, 'writes at warn');
my $writer = $issuer->token(scope => 'patient/Observation.cruds', patient => 'ada');
my $ada    = '{"resourceType":"Observation","id":"1","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/ada"}}';
$sent = alike('a write that enforcement reads for', 'PASSED', 'ok', 'PUT', '/r4/Observation/1', bearer => $writer, headers => \@json, body => $ada);
is($sent->method, 'PUT', 'no read before');
header_is($sent, 'If-Match', '', 'no If-Match');
(my $bruno = $ada) =~ s/ada/bruno/;
alike('a write for another patient', 'DENIED_DRY_RUN', 'body_uncovered', 'PUT', '/r4/Observation/1', bearer => $writer, headers => \@json, body => $bruno);
alike('a body in chunks', 'DENIED_DRY_RUN', 'scope_missing', 'POST', '/r4/Condition', bearer => $token, headers => \@json, chunked => [ '{"resourceType":', '"Condition"}' ]);
alike('a form larger than we read', 'DENIED_DRY_RUN', 'body_too_large', 'POST', '/small/Observation/_search', bearer => $token, headers => \@form, body => 'code=' . 'x' x 3000);
alike('an answer that is no FHIR', 'PASSED', 'ok', 'GET', '/r4/Observation/Broken', bearer => $token);
alike('an answer in chunks, that is no Observation', 'DENIED_DRY_RUN', 'answer_unexpected', 'GET', '/r4/Observation/Late', bearer => $token);
alike('no proxy_pass', 'PASSED', 'ok', 'GET', '/fcgi/Observation/1', bearer => $token);
alike('a path that proxy_pass changes', 'PASSED', 'ok', 'GET', '/moved/Observation/1', bearer => $token);
alike('on to a location without smart', 'PASSED', 'ok', 'GET', '/onward/Observation/1', bearer => $token);

# answers are read as they pass (L18): what would have been taken out, or not shown at all
my $other = $issuer->token(scope => 'patient/Observation.rs patient/Patient.rs', patient => 'bruno');
alike('an entry of another patient', 'PASSED', 'ok', 'GET', '/r4/Observation?code=1', bearer => $token, removed => 1);
alike('an own entry', 'PASSED', 'ok', 'GET', '/r4/Observation?code=1', bearer => $other, removed => 0);
alike('an instance of another patient', 'DENIED_DRY_RUN', 'not_found', 'GET', '/r4/Observation/foreign', bearer => $token);
alike('an own instance', 'PASSED', 'ok', 'GET', '/r4/Observation/foreign', bearer => $other);
alike('an answer that nobody could check', 'PASSED', 'ok', 'GET', '/r4/Observation/Broken', bearer => $token, removed => '-');
alike('a count', 'PASSED', 'ok', 'GET', '/r4/Observation?_summary=count', bearer => $token, removed => '-');

# what is written about Authorization
$up->clear;
is($nginx->get('/withheld/Observation/1', bearer => $token)->status, 200, 'smart_forward_token off');
header_is($up->last, 'Authorization', '', 'withheld, since that is written');
is($nginx->get('/own/Observation/1', headers => [ Authorization => 'Basic zzz' ])->status, 200, 'smart_upstream_authorization');
header_is($up->last, 'Authorization', 'Basic eDp5', "the operator's, since that is written");

# spoofed context goes, with and without a token
$up->clear;
$nginx->get('/r4/Observation/1', headers => [ 'X-SMART-Patient' => 'bruno', X_SMART_Patient => 'bruno' ]);
is(join(' ', grep { /bruno/ } map { $_->[1] } @{ $up->last->headers }), '', 'a client cannot say who it is');
is($nginx->request('PUT', '/pages/Observation/1', bearer => $token, headers => \@json, body => 'x' x 20)->status, 200, 'error_page 413 as without smart');

# A location that enforces does so, wherever the request comes from; and stays in force where it leads.
$up->clear;
is($mixed->get('/dry/Observation/1', bearer => $token)->status, 403, 'from a dry run into an enforcing location: judged there');
upstream_got($up, 0, 'nothing is sent');
is($mixed->get('/later/Patient/bruno', bearer => $token)->status, 200, 'control: the dry location itself lets it through');
$up->set(qr{first} => { status => 418 }, qr{} => { json => { resourceType => 'Patient', id => 'bruno' } });
is($mixed->get('/later/Patient/bruno', bearer => $token)->status, 200, 'control: and again');
$up->clear;
is($mixed->get('/first/Patient/ada', bearer => $token)->status, 403, 'an enforced request stays enforced in a dry run');
upstream_got($up, 1, 'only what was judged is sent');
$up->clear;
is($mixed->request('PUT', '/large/Patient/bruno', bearer => $token, headers => \@json, body => 'x' x 20)->status, 403, 'error_page 413 out of an enforcing location is judged');
upstream_got($up, 0, 'nothing is sent');
done_testing();
