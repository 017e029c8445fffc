# Read by cpack when it packs: a package of a later commit is newer, so that apt-get takes it for an update. `--version` stays short.
# Without git, as in the Dockerfile's build, the project's version alone.
execute_process(COMMAND ${CMAKE_COMMAND} -E env TZ=UTC git -c safe.directory=* log -1 --format=%cd --date=format-local:%Y%m%d%H%M%S
                WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR} OUTPUT_VARIABLE committed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(committed)
    set(CPACK_DEBIAN_PACKAGE_VERSION ${CPACK_PACKAGE_VERSION}+git${committed})
endif()
