# state_file: the last good documents over a restart and a binary upgrade; never more than they were, and never from a stranger.

use strict;
use warnings;
use lib 't/lib';
use Smart::Test;
use Time::HiRes qw(sleep);

my $up = upstream('GET /fhir/Organization/o1' =>
        { json => { resourceType => 'Organization', id => 'o1' } });
my $issuer = issuer();

sub run {
    my ($entries, %more) = @_;

    return nginx(vars => { UPSTREAM => $up->port, ISSUER => $issuer->uri }, %more, conf => <<"EOC");
        smart_issuer hospital { uri %%ISSUER%%; audience https://fhir.example.org/r4; state_file %%PREFIX%%/state/hospital; $entries }
        server {
            listen 127.0.0.1:%%PORT%%;
            location /r4 { smart hospital; proxy_pass http://127.0.0.1:%%UPSTREAM%%/fhir; }
        }
EOC
}

sub status_of { my ($nginx) = @_; return $nginx->get('/r4/Organization/o1', bearer => $issuer->token)->status }
sub file_of   { return $_[0]->prefix . '/state/hospital' }
sub down { $issuer->answer(map { $_ => { drop => 1 } } qw(openid oauth jwks)) }
sub back { $issuer->answer(map { $_ => undef } qw(openid oauth jwks)) }

# The file as `change` leaves it, and what a start with it while the issuer is down gives.
my $nginx = run('', files => { 'state/keep' => '' }, workers => 2);
is(status_of($nginx), 200, 'good');
ok(wait_until(sub { -s file_of($nginx) }, 5), 'the file is written');
is(sprintf('%o', (stat file_of($nginx))[2] & 07777), '600', 'for its owner alone');
is_deeply([glob $nginx->prefix . '/state/hospital.*'], [], 'and nothing is left beside it');
my $good = slurp(file_of($nginx));

$nginx->stop;
down();
$nginx->mark;
$nginx->start;
is(status_of($nginx), 200, 'a start while the issuer is down');
like($nginx->log_since_mark, qr/begins with the documents of state_file/, 'by the file');
is(status_of($nginx), 200, 'in each worker') for 1 .. 4;
like($nginx->log_since_mark, qr/no (?:metadata|key set) from/, 'though the issuer was asked at once');
back();
ok(wait_until(sub { my $n = $issuer->gets('jwks'); $n >= 2 }, 10), 'and again');

$nginx->stop;

# --- a binary upgrade: the new processes begin with the file. A master that is nobody's child ignores no USR2.

my @daemons;
END { kill 'KILL', @daemons if @daemons }
{
    my $other = run('', files => { 'state/keep' => '' }, start => 0);
    my $pid   = sub { my ($file) = @_; return (slurp($other->prefix . "/nginx.pid$file") || 0) + 0 };

    spew($other->prefix . '/nginx.conf', slurp($other->prefix . '/nginx.conf') =~ s/daemon off/daemon on/r);
    is(system($other->command), 0, 'a daemon');
    ok(wait_until(sub { $pid->('') }, 5), 'runs');
    push @daemons, my $first = $pid->('');
    ok(wait_until(sub { -s file_of($other) }, 5), 'and has keys');
    down();
    kill 'USR2', $first;
    ok(wait_until(sub { $pid->('.oldbin') == $first && $pid->('') && $pid->('') != $first }, 5), 'upgraded');
    push @daemons, my $second = $pid->('');
    kill 'WINCH', $first;
    ok($other->wait_log(qr/begins with the documents of state_file/), 'the new one begins with the file');
    kill 'QUIT', $first;
    ok(wait_until(sub { !kill 0, $first }, 10), 'the old one leaves');
    is(join(' ', map { status_of($other) } 1 .. 4), '200 200 200 200', 'and the new one serves');
    kill 'QUIT', $second;
    ok(wait_until(sub { !kill 0, $second }, 10), 'to its end');
    unlike($other->log, qr/\[(?:alert|emerg)\]|exited on signal/, 'without an alert');
    @daemons = ();
    back();
}

# --- what is not believed

sub flipped { my ($bytes) = @_; substr($bytes, -20, 1) = chr(1 ^ ord substr $bytes, -20, 1); return $bytes }

my %bad = (
    'cut'                => [sub { spew($_[0], substr $good, 0, 300) }, qr/ignored: it is not as it was written/],
    'empty'              => [sub { spew($_[0], '') }, qr/ignored: it is not as it was written/],
    'changed'            => [sub { spew($_[0], flipped($good)) }, qr/ignored: it is not as it was written/],
    'too large'          => [sub { spew($_[0], 'x' x 400_000) }, qr/ignored: it cannot be read, or is too large/],
    'writable by others' => [sub { spew($_[0], $good); chmod 0666, $_[0] }, qr/ignored: others than its owner/],
    'a link'             => [sub { spew("$_[0].to", $good); symlink "$_[0].to", $_[0] }, qr/ignored: it is no regular file/],
);

down();
for my $name (sort keys %bad) {
    my ($change, $says) = @{ $bad{$name} };
    my $other = run('', files => { 'state/keep' => '' }, start => 0);

    $change->(file_of($other));
    chmod 0600, file_of($other) unless $name =~ /others|link/;
    $other->start;
    is(status_of($other), 503, "$name: no keys");
    like($other->log, qr/\[warn\].*$says/, "$name: and the log says why");
    $other->stop;
}
{
    my $other = run('max_size 128k;', files => { 'state/keep' => '' }, start => 0);

    spew(file_of($other), $good);
    chmod 0600, file_of($other);
    $other->start;
    is(status_of($other), 503, 'other settings: no keys');
    like($other->log, qr/ignored: it was written for other settings/, 'other settings: and the log says so');
}
{
    my $other = run('', files => { 'state/keep' => '' }, start => 0);

    spew(file_of($other), $good);
    chmod 0600, file_of($other);
    $other->start;
    is(status_of($other), 200, 'the same file, as it was, is believed');
}

# --- no longer than its documents would have been used

{
    my $other = run('refresh 1s 1s; stale 1s;', files => { 'state/keep' => '' }, start => 0);

    back();
    $other->start;
    is(status_of($other), 200, 'a short life');
    ok(wait_until(sub { -s file_of($other) }, 5), 'written');
    $other->stop;
    down();
    sleep 2.5;
    $other->start;
    is(status_of($other), 503, 'too old: no keys');
    like($other->log, qr/ignored: it is too old/, 'and the log says so');
}

# --- nowhere to write

{
    my $other = run('refresh 1s 1s; stale 1h;', files => { 'state/keep' => '' });

    back();
    ok(wait_until(sub { -s file_of($other) }, 5), 'written');
    unlink glob $other->prefix . '/state/*';
    rmdir $other->prefix . '/state' or diag $!;
    ok($other->wait_log(qr/state_file ".*" was not written: it cannot be created/), 'its directory is gone: the log says so');
    sleep 2;
    is(scalar(() = $other->log =~ /was not written/g), 1, 'once');
    is(status_of($other), 200, 'and that is all');
}
done_testing();
