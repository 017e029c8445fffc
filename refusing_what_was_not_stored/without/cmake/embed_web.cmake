# Embeds src/console/web/, plain and compressed, into generated/console_assets.cpp: console::assets(). It is made anew when a
# file there changes, comes or goes. The modules become one file; all else a browser gets as it stands in the folder.
set(PGCOURIER_WEB_DIR ${CMAKE_SOURCE_DIR}/src/console/web)
file(GLOB web_files CONFIGURE_DEPENDS ${PGCOURIER_WEB_DIR}/*)
set(web_bundle ${PGCOURIER_GENERATED}/web/app.js)
set(web_assets ${web_files})
list(FILTER web_assets EXCLUDE REGEX "/[a-z_]+\\.js$")
list(APPEND web_assets ${web_bundle})
list(JOIN web_assets "|" web_list)
add_custom_command(
    OUTPUT ${web_bundle}
    COMMAND ${CMAKE_COMMAND} -DDIR=${PGCOURIER_WEB_DIR} -DOUT=${web_bundle} -P ${CMAKE_SOURCE_DIR}/cmake/bundle_web.cmake
    DEPENDS ${web_files} ${CMAKE_SOURCE_DIR}/cmake/bundle_web.cmake
    COMMENT "Bundling the console's scripts" VERBATIM)
add_custom_command(
    OUTPUT ${PGCOURIER_GENERATED}/console_assets.cpp
    COMMAND ${CMAKE_COMMAND} "-DFILES=${web_list}" -DOUT=${PGCOURIER_GENERATED}/console_assets.cpp
            -P ${CMAKE_SOURCE_DIR}/cmake/write_web_assets.cmake
    DEPENDS ${web_files} ${web_bundle} ${CMAKE_SOURCE_DIR}/cmake/write_web_assets.cmake
    COMMENT "Embedding the console's page" VERBATIM)
# Named, since its rule stands in another folder than the library that compiles it.
add_custom_target(embedded_web DEPENDS ${PGCOURIER_GENERATED}/console_assets.cpp)
