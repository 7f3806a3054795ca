# Reads lines of JSON strings, reads the JSON in each, and writes what it says.
use strict;
use warnings;
use JSON::PP;

my $outer = JSON::PP->new->utf8->allow_nonref;
my $inner = JSON::PP->new->allow_nonref->allow_bignum;
my $write = JSON::PP->new->ascii->allow_nonref->allow_bignum;
$| = 1;
while (my $line = <STDIN>) {
    my $answer = eval { $write->encode($inner->decode($outer->decode($line))) };
    if (!defined $answer) {
        $answer = "!$@";
        $answer =~ s/\n/ /g;
    }
    print "$answer\n";
}
