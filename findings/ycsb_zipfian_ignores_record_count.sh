#!/usr/bin/env bash
# YCSB's "zipfian" requests are no Zipf law over the records that were loaded.
#
# One would guess: with requestdistribution=zipfian (workloads A, B, C, F; constant
#   0.99) the hottest of N records gets 1/zeta(N) of the requests: 12.9 % of 1,000
#   records, 7.8 % of 100,000, 6.5 % of a million. A hot key, and so the share of
#   conflicts, would shrink as the number of records grows.
# What happens: CoreWorkload draws from ScrambledZipfianGenerator, which draws a
#   rank out of 10,000,000,000 items (with a zeta written down for them) and hashes
#   it onto the records. The hottest record gets 3.8 to 3.9 % whatever N is. And
#   ZipfianGenerator below it, exact for the first two ranks, gives the third 17 to
#   20 % too much (its inversion formula is an approximation from rank 3 on).
# Version: site.ycsb:core 0.17.0 (Maven Central).
# Why it matters: a store's conflict rate, cache hits and the length of dependency
#   chains follow the hottest keys. A generator with the exact law at theta = 0.99
#   puts two to three times YCSB's load on the hottest key, so results under the same
#   workload letter cannot be compared, and "fewer records, more contention" does not
#   hold for YCSB's own clients.
#
# Needs java 11 or newer and mvn. Takes about a minute.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >pom.xml <<'END'
<project><modelVersion>4.0.0</modelVersion>
<groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
<dependencies><dependency><groupId>site.ycsb</groupId><artifactId>core</artifactId>
<version>0.17.0</version></dependency></dependencies></project>
END
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib

cat >Shares.java <<'END'
import java.util.*;
import site.ycsb.generator.*;

public class Shares {
  static final int DRAWS = 2_000_000;

  // Each item's share of the draws, largest first.
  static double[] shares(NumberGenerator generator) {
    Map<Long, Integer> counts = new HashMap<>();
    for (int i = 0; i < DRAWS; i++) counts.merge(generator.nextValue().longValue(), 1, Integer::sum);
    return counts.values().stream().sorted(Comparator.reverseOrder())
        .mapToDouble(count -> (double) count / DRAWS).toArray();
  }

  static double zeta(long n) {
    double sum = 0;
    for (long i = 1; i <= n; i++) sum += Math.pow(i, -0.99);
    return sum;
  }

  public static void main(String[] args) {
    boolean asDescribed = true;
    for (long n : new long[] {1_000, 100_000, 1_000_000}) {
      double used = shares(new ScrambledZipfianGenerator(n))[0];
      double exact = 1 / zeta(n);
      double third = shares(new ZipfianGenerator(n))[2] / (exact * Math.pow(3, -0.99));
      System.out.printf(Locale.ROOT, "%,9d records: hottest gets %.1f %%, exact law %.1f %%; "
          + "third of the unscrambled generator: %.2f times its share%n", n, 100 * used, 100 * exact, third);
      asDescribed &= used > 0.035 && used < 0.042 && third > 1.1 && third < 1.3;
    }
    System.exit(asDescribed ? 0 : 1);
  }
}
END
echo "YCSB core 0.17.0, constant 0.99, 2,000,000 draws each"
if java -cp 'lib/*' Shares.java; then
  echo "as described: the hottest record's share does not depend on how many there are"
else
  echo "NOT as described any more" >&2
  exit 1
fi
