#include "cli/cli.hpp"

int main(int argc, char** argv) {
    return pgcourier::cli::run(argc, argv);
}
