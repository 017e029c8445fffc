// test_cluster FILE: packs what the servers of all test programs start from, once a build.
#include "support/test_database.hpp"

#include <cstdio>

int main(int count, char** arguments) {
    if (count != 2) {
        std::fputs("usage: test_cluster FILE\n", stderr);
        return 2;
    }
    try {
        pgcourier::test::prepare_cluster(arguments[1]);
        return 0;
    } catch (const std::exception& e) {
        std::fputs(e.what(), stderr);
        return 1;
    }
}
